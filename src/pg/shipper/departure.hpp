/*
 * departure.hpp - how a shipper gives its slot to another database, and what it leaves behind for
 * the launcher and for the shipper that comes after it.
 *
 * It is asked for it (core/dispatch/slot_lending.hpp), or there is nothing that it could ever have
 * to do. What was begun and would have to begin anew is brought to an end first: conditions that
 * are being checked get their time, and a batch that was refused is parted until the event at fault
 * is found. Then it awaits the answers under way.
 */
#pragma once

#include "core/event/event.hpp"
#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* Whether it has nothing to do before something happens, or before some time has come. */
bool is_resting(Shipper* shipper, UnixMicros now);

/* Whether it is to begin its departure for the sake of others, or because nothing needs it. Asked
 * for its slot it begins nothing new from here on. */
bool may_give_slot(Shipper* shipper, UnixMicros now);

/* No new requests. What is committed from here on is marked for the next shipper, so the turn that
 * follows looks at everything once more. */
void begin_departure(Shipper* shipper);

/* At the end: leaves behind when the next shipper is needed, if that is known. */
void leave_slot(Shipper* shipper);

/* The extension is not there, or not any more. It is looked for once more, now that whoever creates
 * it marks it. */
void leave_without_extension(Shipper* shipper);

}  // namespace crm_capi
