/*
 * row_stage.hpp - the stage that a row has, under the name that it is sent by.
 */
#pragma once

#include "pg/row/row_values.hpp"

namespace crm_capi {

struct Stage {
    text* name; /* under which it is sent; may be NULL */
    bool is_mapped;
    Reason reason; /* kNone, or why it cannot be read */
    const char* detail;
};

/* The stage of the row as it would be sent. */
Stage stage_of(Watch* watch, const RowValues& values);

/* The stage that an event has which was parked. Its name may be the row's own or, if the event was
 * parked for something else, the one that the map has given it. */
Stage stage_of_parked(const Watch* watch, text* name);

/* Of a stage without a name nothing but that can be told. */
bool is_same_stage(const Stage& a, const Stage& b);

}  // namespace crm_capi
