/*
 * row_members.hpp - the members of user_data, custom_data and consent that a watch takes from a
 * row.
 */
#pragma once

#include "pg/watch/prepared_watch.hpp"

namespace crm_capi {

/* JSON objects; NULL if nothing is in them. A value that is NULL is left out. */
struct RowMembers {
    Jsonb* user_data; /* each member a text or a list of texts, as plain as the row has it */
    Jsonb* custom_data;
    Jsonb* consent;
    Reason reason; /* kNone, or why they could not be read */
    const char* detail;
};

void read_members(Watch* watch, const Row& row, RowMembers* members);

}  // namespace crm_capi
