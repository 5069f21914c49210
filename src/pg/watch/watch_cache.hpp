/*
 * watch_cache.hpp - the watches of a session, each prepared once.
 *
 * Built at the first row, kept for the session, and built anew when the table, a dataset, or
 * anything that an expression calls or looks into has changed; but not when just anything has:
 * every temporary table of any session is a new type to all of them.
 */
#pragma once

#include "pg/watch/prepared_watch.hpp"

namespace crm_capi {

/* The watch that this trigger of the table is. Never fails because of what it watches: a watch that
 * has become wrong says so in `broken`. Valid until the next command. */
Watch* watch_of(Relation table, const Trigger* trigger);

/* The same, built anew: for those who want to know how things are just now. */
Watch* fresh_watch_of(Relation table, const Trigger* trigger);

}  // namespace crm_capi
