/*
 * departure.cpp - how a shipper gives its slot to another database.
 */
#include "pg/shipper/departure.hpp"

#include "pg/base/clock.hpp"
#include "pg/base/settings.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/shared/participants.hpp"
#include "pg/shared/slots.hpp"
#include "pg/shipper/condition_desk.hpp"
#include "pg/shipper/retention.hpp"
#include "pg/shipper/turn_transaction.hpp"

namespace crm_capi {

namespace {

/* Who has something to do so soon need not leave: the next shipper would have to start at once. */
constexpr UnixMicros kSoon = kMicrosPerSecond;

/* A condition that is being checked may still be answered, or not in time, within this. */
constexpr UnixMicros kMarginOfConditions = kMicrosPerSecond;

/* Parting a batch takes as long as two dozen answers, of an endpoint that is very slow. */
constexpr UnixMicros kLongestParting = 300 * kMicrosPerSecond;

/* What holds a dataset may be put right where no message tells of it: in a token file, or by
 * another name of the host. */
constexpr UnixMicros kLookAtHeldEvery = 300 * kMicrosPerSecond;

/* When it was asked for its slot; 0 = it was not. */
UnixMicros asked_at = 0;

/* Whether something would be lost if it left now. */
bool
must_finish(Shipper* shipper, UnixMicros now)
{
    const UnixMicros for_conditions =
        static_cast<UnixMicros>(setting_condition_timeout) * 1000 + kMarginOfConditions;
    const UnixMicros check = next_check_due();

    if (check != 0 && check <= now + for_conditions && now < asked_at + for_conditions)
        return true;
    shipper->dispatcher.FinishOnly(true);
    return shipper->dispatcher.IsParting(now) && now < asked_at + kLongestParting;
}

/* When the next shipper has something to do. */
UnixMicros
next_work_at(Shipper* shipper, UnixMicros now)
{
    UnixMicros due = PG_INT64_MAX;
    const auto wait_for = [&](UnixMicros time) {
        if (time != 0)
            due = Min(due, time);
    };

    shipper->dispatcher.FinishOnly(false);
    wait_for(shipper->dispatcher.NextDue(now));
    wait_for(next_check_due());
    if (shipper->dispatcher.HasHeld())
        wait_for(now + kLookAtHeldEvery);
    if (shipper->log.must_read || shipper->changed.settings || shipper->changed.decisions ||
        shipper->changed.tombstones)
        wait_for(now);
    return due;
}

/* What spares the next shipper a look through the tables: with nothing owed nobody need know how
 * it came to be final. */
TablesLeft
tables_left(const Shipper* shipper)
{
    const bool is_all_told = !shipper->cursor.is_behind && !shipper->serves_copy &&
                             !shipper->log.must_read && !shipper->log.window->HasHoles() &&
                             !shipper->dispatcher.HasOwed();

    return is_all_told ? TablesLeft{shipper->cursor.written_at, shipper->cursor.latest_request,
                                    shipper->bloomed_up_to}
                       : TablesLeft{};
}

}  // namespace

bool
is_resting(Shipper* shipper, UnixMicros now)
{
    const auto is_soon = [now](UnixMicros time) { return time != 0 && time <= now + kSoon; };

    return !shipper->stopping && !shipper->more_to_do && !shipper->log.must_read &&
           shipper->transport->InFlight() == 0 && !is_soon(shipper->dispatcher.NextDue(now)) &&
           !is_soon(next_check_due());
}

bool
may_give_slot(Shipper* shipper, UnixMicros now)
{
    const bool is_asked = stop_request(shipper->slot) == kYield;
    const bool is_useless = !shipper->has_datasets && !shipper->dispatcher.HasOwed() &&
                            is_resting(shipper, now) && !history_is_due(shipper) &&
                            !shipper->changed.settings;

    if (shipper->stopping)
        return true;
    if (is_asked && (asked_at == 0 || asked_at > now))
        asked_at = now;
    shipper->gives_slot = is_useless || (is_asked && !must_finish(shipper, now));
    return shipper->gives_slot;
}

void
begin_departure(Shipper* shipper)
{
    shipper->stopping = true;
    end_recheckers();
    note_resting(shipper->slot, false);
    note_leaving(shipper->slot);
    shipper->log.must_read = true;
}

void
leave_slot(Shipper* shipper)
{
    const UnixMicros now = now_micros();

    if (!shipper->gives_slot || shipper->transport->InFlight() > 0)
        return;
    const UnixMicros work_at = next_work_at(shipper, now);
    RestNote rest = {};
    rest.history_due_at = history_due_at(shipper);
    rest.due_at = work_at == PG_INT64_MAX ? kNever : from_unix_micros(work_at);
    rest.due_at = Min(rest.due_at, rest.history_due_at);
    rest.is_held = shipper->dispatcher.HasHeld();
    rest.no_writers_since = shipper->log.no_writers_since;
    rest.tables = tables_left(shipper);
    leave_at_rest(shipper->participant, rest);
}

void
leave_without_extension(Shipper* shipper)
{
    shipper->gives_slot = false;
    note_leaving(shipper->slot);
    begin_turn();
    const bool is_missing = !OidIsValid(lock_extension());
    end_turn();
    if (is_missing)
        leave_absent(shipper->participant);
    report_good_order(shipper->slot);
}

}  // namespace crm_capi
