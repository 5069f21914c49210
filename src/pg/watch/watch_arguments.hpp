/*
 * watch_arguments.hpp - the arguments of capi_watch(), checked.
 */
#pragma once

#include "pg/watch/watch_definition.hpp"

namespace crm_capi {

/* The watch that the call describes, but for its dataset; an ERROR that says which argument is
 * wrong. The expressions have been compiled with the rights of the table's owner, and what they
 * read may be read. */
WatchDefinition read_watch_arguments(FunctionCallInfo fcinfo, Relation table);

/* For an argument that a watch cannot do without. */
void report_missing_argument(const char* name);

/* For a country or a state of which nobody says what they are to limit. Of capi_send_lead_event(),
 * too. */
void report_lonely_place();

}  // namespace crm_capi
