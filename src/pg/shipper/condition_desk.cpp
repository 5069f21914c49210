/*
 * condition_desk.cpp - where the shipper has conditions checked.
 */
#include "pg/shipper/condition_desk.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "pg/base/clock.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/settings.hpp"
#include "pg/shared/condition_board.hpp"
#include "pg/shipper/rechecker_place.hpp"

namespace crm_capi {

namespace {

/* So many watches at once, for each of which one of max_worker_processes is taken. */
constexpr int kPlaces = 4;

/* What a process may need beyond the time of a condition: to start on a busy host, or to be heard
 * on one. Then it is told to end. */
constexpr UnixMicros kGrace = 10 * kMicrosPerSecond;

/* How long a watch keeps its place although others have none. A process is made in a fraction of
 * it. */
constexpr UnixMicros kSlice = kMicrosPerSecond / 2;

/* A watch of which nobody can tell anything is asked again after pauses that double; one row alone
 * costs its watch the first of them. */
constexpr UnixMicros kFirstWatchPause = kMicrosPerSecond / 10;
constexpr UnixMicros kLongestWatchPause = 5 * kMicrosPerSecond;

/* How long no process is started after one could not be. */
constexpr UnixMicros kStartAgainAfter = kMicrosPerSecond;

struct WatchState {
    UnixMicros placed_at = 0; /* when it last got a place */
    UnixMicros not_before = 0;
    UnixMicros pause = 0;
    bool is_logged = false; /* that it cannot be checked; until one of its events has got through */
};

struct Desk {
    RecheckerPlace places[kPlaces];
    std::unordered_map<std::string, WatchState> states;
    std::vector<std::string> watches;         /* that have something to be checked */
    std::vector<ConditionToCheck> conditions; /* of one of them */
    std::vector<EndedEvent> ended;            /* by what has been found in this turn */
    Dispatcher::Conditions counts;
    UnixMicros start_at = 0;     /* no process before this */
    UnixMicros watch_due_at = 0; /* when the first watch is due again; 0 = none waits for that */
    bool wants_place = false;
    bool lacks_workers = false;
    ConditionBoard shown = {}; /* what others can see of all this */
};

Desk* desk = nullptr;

/* How long a process may be silent that has something to do. */
UnixMicros
patience()
{
    return static_cast<UnixMicros>(setting_condition_timeout) * 1000 + kGrace;
}

/* What becomes of an event that goes no further. C++ regime. */
EndedEvent
MakeEnded(const ConditionToCheck& asked, Finding finding, const char* detail)
{
    EndedEvent ended{};
    ended.event = asked.event;
    ended.dataset = asked.dataset;
    ended.status = finding == Finding::kFails ? "cancelled" : "parked";
    ended.reason = finding == Finding::kFails ? Reason::kConditionFalse : Reason::kConditionUnknown;
    ended.detail = detail;
    return ended;
}

/* C++ regime. */
void
PauseWatch(const std::string& watch, UnixMicros now)
{
    WatchState& state = desk->states[watch];

    state.pause =
        std::min(kLongestWatchPause, state.pause == 0 ? kFirstWatchPause : state.pause * 2);
    state.not_before = now + state.pause;
}

/* Into the server log once, and to the doctor as long as events wait for it. */
void
tell_of_trouble(const RecheckerPlace& place, int sqlstate)
{
    bool is_news = false;

    call_cpp("note a watch", [&] {
        bool& is_logged = desk->states[place.watch].is_logged;
        is_news = !is_logged;
        is_logged = true;
    });
    strlcpy(desk->shown.watch, place.watch.c_str(), sizeof desk->shown.watch);
    desk->shown.sqlstate = sqlstate;
    if (is_news)
        ereport(LOG,
                (errmsg("condition of watch \"%s\" cannot be checked now: SQLSTATE %s",
                        place.watch.c_str(), unpack_sql_state(sqlstate)),
                 errdetail("Its events wait, and are tried again after growing pauses."),
                 errhint("See what the condition waits for; crm_capi.condition_timeout limits its "
                         "time.")));
}

/* Nobody will answer what was asked here. The event that stood first is suspected, unless the
 * process has ended as it should: it is asked about later than the others. */
void
give_up_asked(Shipper* shipper, RecheckerPlace* place)
{
    call_cpp("ask others about conditions", [&] {
        const UnixMicros now = now_micros();
        if (!place->is_leaving && !place->asked.empty()) {
            shipper->dispatcher.ConditionUnknown(
                MakeEnded(place->asked.front(), Finding::kLater, "process that checked it ended"),
                now);
            place->asked.pop_front();
            PauseWatch(place->watch, now);
        }
        for (const ConditionToCheck& asked : place->asked)
            shipper->dispatcher.AskAgain(asked.event);
        place->asked.clear();
    });
}

/* C++ regime. */
void
TakeFinding(Shipper* shipper, RecheckerPlace* place, const ConditionFinding& found, UnixMicros now)
{
    const auto known = std::find_if(
        place->asked.begin(), place->asked.end(),
        [&found](const ConditionToCheck& asked) { return asked.event == found.event; });
    if (known == place->asked.end())
        return;
    const ConditionToCheck asked = *known;
    Dispatcher& dispatcher = shipper->dispatcher;
    place->asked.erase(known);
    place->heard_at = now;
    place->is_leaving = found.finding == Finding::kLater || found.finding == Finding::kOtherOwner;
    if (found.finding == Finding::kLater) {
        dispatcher.ConditionUnknown(MakeEnded(asked, found.finding, found.detail), now);
        PauseWatch(place->watch, now);
    } else if (found.finding == Finding::kOtherOwner) {
        dispatcher.AskAgain(asked.event);
    } else {
        WatchState& state = desk->states[place->watch];
        state.pause = 0;
        state.is_logged = false;
        place->window = std::min<size_t>(place->window * 2, kMostAsked);
        if (found.finding == Finding::kHolds)
            dispatcher.ConditionHolds(asked.event, now);
        else
            desk->ended.push_back(MakeEnded(asked, found.finding, found.detail));
    }
}

/* Takes what the process of the place has found, and looks whether it is still there. */
void
look_after(Shipper* shipper, RecheckerPlace* place)
{
    ConditionFinding found;
    bool is_gone;

    while (hear(place, &found, &is_gone)) {
        if (found.finding == Finding::kLater)
            tell_of_trouble(*place, found.sqlstate);
        call_cpp("take what was found about a condition",
                 [&] { TakeFinding(shipper, place, found, now_micros()); });
    }
    if (is_gone) {
        leave(place);
        give_up_asked(shipper, place);
        return;
    }
    const UnixMicros now = now_micros();
    heed_clock(place, now);
    if (place->asked.empty() || now < place->heard_at + patience())
        return;
    tell_of_trouble(*place, ERRCODE_QUERY_CANCELED);
    ereport(LOG,
            (errmsg("process that checks the condition of watch \"%s\" does not answer",
                    place->watch.c_str()),
             errdetail("It is told to end; the event that it was asked about is tried again.")));
    end(place);
    give_up_asked(shipper, place);
}

/* Which watches have something to be checked; who has had no place for longest comes first. */
void
collect(Shipper* shipper)
{
    call_cpp("collect conditions to check", [&] {
        const auto placed_at = [](const std::string& watch) {
            const auto state = desk->states.find(watch);
            return state == desk->states.end() ? 0 : state->second.placed_at;
        };
        desk->watches.clear();
        shipper->dispatcher.AppendWatchesToCheck(now_micros(), &desk->watches);
        std::stable_sort(desk->watches.begin(), desk->watches.end(),
                         [&](const std::string& a, const std::string& b) {
                             return placed_at(a) < placed_at(b);
                         });
    });
}

/* Fills desk->conditions with at most so many events of the watch. */
void
take_conditions(Shipper* shipper, const std::string& watch, size_t most)
{
    call_cpp("choose conditions to check", [&] {
        desk->conditions.clear();
        shipper->dispatcher.TakeConditions(watch, most, now_micros(), &desk->conditions);
    });
}

/* There is no worker, or no memory, for a process. */
void
note_lack(Shipper* shipper)
{
    call_cpp("put conditions back", [&] {
        for (const ConditionToCheck& condition : desk->conditions)
            shipper->dispatcher.AskAgain(condition.event);
    });
    if (!desk->lacks_workers)
        ereport(LOG, (errmsg("could not start a process that checks the condition of a watch"),
                      errdetail("Events of watches with recheck wait for one."),
                      errhint("Raise max_worker_processes.")));
    desk->lacks_workers = true;
    desk->start_at = now_micros() + kStartAgainAfter;
}

/* A process for a watch that has none. */
void
serve_in_another_place(Shipper* shipper, const std::string& watch, UnixMicros now)
{
    RecheckerPlace* const place = another_place(desk->places, kPlaces, now - kSlice);

    if (place == nullptr || now < desk->start_at) {
        desk->wants_place = true;
        return;
    }
    take_conditions(shipper, watch, 1);
    if (desk->conditions.empty())
        return; /* its leads are busy, or no request could carry it now */
    if (place->segment != nullptr)
        leave(place);
    if (!start_at(place, watch)) {
        note_lack(shipper);
        desk->wants_place = true;
        return;
    }
    desk->lacks_workers = false;
    call_cpp("note a watch", [&] { desk->states[watch].placed_at = now; });
    ask(place, desk->conditions);
}

/* More for the process that a watch has, unless others have been waiting for its place. */
void
serve_in_its_place(Shipper* shipper, RecheckerPlace* place, bool others_wait, UnixMicros now)
{
    const size_t under_way = place->asked.size();

    if (place->is_leaving || under_way >= place->window ||
        (others_wait && now - place->started_at >= kSlice))
        return;
    take_conditions(shipper, place->watch, place->window - under_way);
    if (!desk->conditions.empty())
        ask(place, desk->conditions);
}

/* Goes round the watches that have something to be checked. */
void
hand_out(Shipper* shipper)
{
    const bool others_wait = desk->wants_place;
    const UnixMicros now = now_micros();

    desk->start_at = Min(desk->start_at, now + kStartAgainAfter); /* the clock was put back */
    desk->wants_place = false;
    desk->watch_due_at = 0;
    for (const std::string& watch : desk->watches) {
        CHECK_FOR_INTERRUPTS();
        const auto state = desk->states.find(watch);
        if (state != desk->states.end() && state->second.not_before > now &&
            state->second.not_before <= now + kLongestWatchPause) {
            const UnixMicros due = state->second.not_before;
            desk->watch_due_at = desk->watch_due_at == 0 ? due : Min(desk->watch_due_at, due);
            continue;
        }
        RecheckerPlace* const place = place_of(desk->places, kPlaces, watch);
        if (place != nullptr)
            serve_in_its_place(shipper, place, others_wait, now);
        else
            serve_in_another_place(shipper, watch, now);
    }
}

/* For capi_check(). */
void
show(Shipper* shipper)
{
    call_cpp("count what waits for conditions",
             [&] { desk->counts = shipper->dispatcher.CountConditions(); });
    desk->shown.waiting = desk->counts.waiting;
    desk->shown.postponed = desk->counts.postponed;
    desk->shown.lacks_workers = desk->lacks_workers && desk->wants_place;
    show_conditions(shipper->slot, desk->shown);
}

/* before_shmem_exit: the processes are nobody's any more. */
void
end_at_exit(int, Datum)
{
    end_recheckers();
}

void
open_desk()
{
    call_cpp("have conditions checked", [] { desk = new Desk(); });
    before_shmem_exit(end_at_exit, 0);
}

}  // namespace

void
take_findings(Shipper* shipper)
{
    if (desk == nullptr)
        return;
    for (RecheckerPlace& place : desk->places) {
        if (place.segment != nullptr)
            look_after(shipper, &place);
        else
            free_if_gone(&place);
    }
    call_cpp("end events that are not to be sent",
             [&] { shipper->dispatcher.ConditionsEnd(std::exchange(desk->ended, {})); });
}

void
ask_for_conditions(Shipper* shipper)
{
    if (!shipper->dispatcher.HasConditions())
        return;
    if (desk == nullptr)
        open_desk();
    collect(shipper);
    hand_out(shipper);
    show(shipper);
}

UnixMicros
next_check_due()
{
    const UnixMicros now = now_micros();
    UnixMicros due = 0;
    const auto wait_for = [&](UnixMicros time) { due = due == 0 ? time : Min(due, time); };

    if (desk == nullptr)
        return 0;
    for (const RecheckerPlace& place : desk->places) {
        if (place.segment == nullptr)
            continue;
        if (!place.asked.empty())
            wait_for(place.heard_at + patience());
        if (desk->wants_place && place.started_at + kSlice > now)
            wait_for(place.started_at + kSlice);
    }
    if (desk->wants_place && desk->start_at > now)
        wait_for(desk->start_at);
    if (desk->watch_due_at != 0)
        wait_for(desk->watch_due_at);
    return due;
}

void
end_recheckers()
{
    if (desk == nullptr)
        return;
    for (const RecheckerPlace& place : desk->places) {
        if (place.worker != nullptr && (place.segment == nullptr || !place.asked.empty()))
            TerminateBackgroundWorker(place.worker); /* the others end with their queues */
    }
}

}  // namespace crm_capi
