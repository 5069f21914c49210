/*
 * participants.cpp - what must be known of each database that takes part while it has no shipper.
 */
#include "pg/shared/participants.hpp"

namespace crm_capi {

namespace {

/* On a cache line of its own, of which a commit only reads the first half while a shipper runs;
 * what the shipper writes at every turn is at the end. */
struct alignas(PG_CACHE_LINE_SIZE) Participant {
    pg_atomic_uint32 database; /* 0 = free */
    pg_atomic_uint32 presence;
    pg_atomic_uint32 slot; /* + 1; 0 = none */
    pg_atomic_uint32 marks;
    pg_atomic_uint32 is_held;    /* boolean */
    pg_atomic_uint32 is_failing; /* boolean */
    pg_atomic_uint64 due_at;
    pg_atomic_uint64 history_due_at;
    pg_atomic_uint64 waiting_since;
    pg_atomic_uint64 rests_since;
    pg_atomic_uint64 no_writers_since;
    pg_atomic_uint64 cursor_written_at;
    pg_atomic_uint64 newest_request;
    pg_atomic_uint64 bloomed_up_to;
    pg_atomic_uint64 position; /* + 1; 0 = not known */
};

struct Participants {
    pg_atomic_uint32 used;       /* entries behind these have never been used */
    pg_atomic_uint32 generation; /* changes with each entry that is made */
    Participant entries[kMostParticipants];
};

Participants* all_participants = nullptr;

/* Nothing is known of it. */
void
forget(Participant* entry)
{
    pg_atomic_write_u32(&entry->presence, static_cast<uint32>(Presence::kUnknown));
    pg_atomic_write_u32(&entry->is_held, 0);
    pg_atomic_write_u32(&entry->is_failing, 0);
    pg_atomic_write_u64(&entry->due_at, 0);
    pg_atomic_write_u64(&entry->history_due_at, 0);
    pg_atomic_write_u64(&entry->waiting_since, 0);
    pg_atomic_write_u64(&entry->rests_since, 0);
    pg_atomic_write_u64(&entry->no_writers_since, 0);
    pg_atomic_write_u64(&entry->cursor_written_at, 0);
    pg_atomic_write_u64(&entry->position, 0);
}

TimestampTz
time_in(pg_atomic_uint64* place)
{
    return static_cast<TimestampTz>(pg_atomic_read_u64(place));
}

/* -1 if there is none. */
int
search(Oid database)
{
    const auto used = static_cast<int>(pg_atomic_read_u32(&all_participants->used));

    for (int i = 0; i < used; i++) {
        if (pg_atomic_read_u32(&all_participants->entries[i].database) == database)
            return i;
    }
    return -1;
}

/* -1 if there is none. */
int
search_free()
{
    const auto used = static_cast<int>(pg_atomic_read_u32(&all_participants->used));

    for (int i = 0; i < used; i++) {
        if (pg_atomic_read_u32(&all_participants->entries[i].database) == InvalidOid)
            return i;
    }
    return used < kMostParticipants ? used : -1;
}

}  // namespace

Size
participants_size()
{
    return sizeof(Participants);
}

void
place_participants(void* memory, bool is_new)
{
    all_participants = static_cast<Participants*>(memory);
    if (!is_new)
        return;
    pg_atomic_init_u32(&all_participants->used, 0);
    pg_atomic_init_u32(&all_participants->generation, 0);
    for (Participant& entry : all_participants->entries) {
        pg_atomic_init_u32(&entry.database, InvalidOid);
        pg_atomic_init_u32(&entry.presence, 0);
        pg_atomic_init_u32(&entry.slot, 0);
        pg_atomic_init_u32(&entry.marks, 0);
        pg_atomic_init_u32(&entry.is_held, 0);
        pg_atomic_init_u32(&entry.is_failing, 0);
        pg_atomic_init_u64(&entry.due_at, 0);
        pg_atomic_init_u64(&entry.history_due_at, 0);
        pg_atomic_init_u64(&entry.waiting_since, 0);
        pg_atomic_init_u64(&entry.rests_since, 0);
        pg_atomic_init_u64(&entry.no_writers_since, 0);
        pg_atomic_init_u64(&entry.cursor_written_at, 0);
        pg_atomic_init_u64(&entry.newest_request, 0);
        pg_atomic_init_u64(&entry.bloomed_up_to, 0);
        pg_atomic_init_u64(&entry.position, 0);
    }
}

/* Called at each commit that enqueues: what was found last is remembered, also that nothing was. */
int
participant_of(Oid database)
{
    static Oid remembered_database = InvalidOid;
    static uint32 remembered_generation = 0;
    static int remembered = -1;

    if (all_participants == nullptr)
        return -1;
    if (database == remembered_database) {
        if (remembered >= 0 &&
            pg_atomic_read_u32(&all_participants->entries[remembered].database) == database)
            return remembered;
        if (remembered < 0 &&
            pg_atomic_read_u32(&all_participants->generation) == remembered_generation)
            return -1;
    }
    remembered_database = database;
    remembered_generation = pg_atomic_read_u32(&all_participants->generation);
    pg_memory_barrier(); /* an entry that is made now changes the generation after it is there */
    remembered = search(database);
    return remembered;
}

int
slot_lent_to(int participant)
{
    return static_cast<int>(pg_atomic_read_u32(&all_participants->entries[participant].slot)) - 1;
}

bool
mark_participant(int participant, uint32 marks)
{
    Participant* const entry = &all_participants->entries[participant];

    if ((pg_atomic_read_u32(&entry->marks) & marks) == marks)
        return false;
    return (pg_atomic_fetch_or_u32(&entry->marks, marks) & marks) != marks;
}

ParticipantView
view_participant(int participant)
{
    Participant* const entry = &all_participants->entries[participant];
    ParticipantView view;

    view.database = pg_atomic_read_u32(&entry->database);
    view.presence = static_cast<Presence>(pg_atomic_read_u32(&entry->presence));
    view.marks = pg_atomic_read_u32(&entry->marks);
    view.is_held = pg_atomic_read_u32(&entry->is_held) != 0;
    view.is_failing = pg_atomic_read_u32(&entry->is_failing) != 0;
    view.due_at = time_in(&entry->due_at);
    view.waiting_since = time_in(&entry->waiting_since);
    view.rests_since = time_in(&entry->rests_since);
    view.no_writers_since = pg_atomic_read_u64(&entry->no_writers_since);
    return view;
}

int
enter_participant(Oid database)
{
    int place = search(database);

    if (place >= 0)
        return place;
    place = search_free();
    if (place < 0)
        return -1;
    Participant* const entry = &all_participants->entries[place];
    forget(entry);
    pg_atomic_write_u32(&entry->slot, 0);
    pg_atomic_write_u32(&entry->marks, 0);
    pg_write_barrier();
    pg_atomic_write_u32(&entry->database, database);
    if (place == static_cast<int>(pg_atomic_read_u32(&all_participants->used)))
        pg_atomic_write_u32(&all_participants->used, static_cast<uint32>(place) + 1);
    pg_atomic_fetch_add_u32(&all_participants->generation, 1);
    return place;
}

void
remove_participant(int participant)
{
    if (participant >= 0)
        pg_atomic_write_u32(&all_participants->entries[participant].database, InvalidOid);
}

void
set_slot(int participant, int slot)
{
    if (participant >= 0)
        pg_atomic_write_u32(&all_participants->entries[participant].slot,
                            static_cast<uint32>(slot + 1));
}

void
set_waiting(int participant, TimestampTz since)
{
    if (participant >= 0 && time_in(&all_participants->entries[participant].waiting_since) != since)
        pg_atomic_write_u64(&all_participants->entries[participant].waiting_since,
                            static_cast<uint64>(since));
}

void
set_failing(int participant, bool is_failing)
{
    if (participant >= 0)
        pg_atomic_write_u32(&all_participants->entries[participant].is_failing, is_failing ? 1 : 0);
}

void
publish_position(int participant, int64 position)
{
    if (participant < 0)
        return;
    pg_atomic_write_u64(&all_participants->entries[participant].position,
                        static_cast<uint64>(position) + 1);
    pg_memory_barrier();
}

int64
published_position(int participant)
{
    return static_cast<int64>(
               pg_atomic_read_u64(&all_participants->entries[participant].position)) -
           1;
}

void
suppose_position(int participant, int64 position)
{
    uint64 unknown = 0;

    (void)pg_atomic_compare_exchange_u64(&all_participants->entries[participant].position, &unknown,
                                         static_cast<uint64>(position) + 1);
}

/* In this order: what is marked from here on is for the next shipper, and what was marked before
 * was committed before anything is read. */
bool
take_over_participant(int participant, RestNote* rest)
{
    if (participant < 0)
        return false;
    Participant* const entry = &all_participants->entries[participant];
    const uint32 marks = pg_atomic_exchange_u32(&entry->marks, 0);
    rest->due_at = time_in(&entry->due_at);
    rest->history_due_at = time_in(&entry->history_due_at);
    rest->tables.cursor_written_at = time_in(&entry->cursor_written_at);
    rest->tables.newest_request = static_cast<int64>(pg_atomic_read_u64(&entry->newest_request));
    rest->tables.bloomed_up_to = static_cast<int64>(pg_atomic_read_u64(&entry->bloomed_up_to));
    const bool is_known = rest->due_at != 0 && pg_atomic_read_u32(&entry->presence) ==
                                                   static_cast<uint32>(Presence::kPresent);
    pg_atomic_write_u64(&entry->due_at, 0);
    pg_memory_barrier();
    return is_known && (marks & kMarkSettings) == 0;
}

bool
take_settings_mark(int participant)
{
    if (participant < 0)
        return false;
    pg_atomic_uint32* const marks = &all_participants->entries[participant].marks;
    if ((pg_atomic_read_u32(marks) & kMarkSettings) == 0)
        return false;
    (void)pg_atomic_fetch_and_u32(marks, ~static_cast<uint32>(kMarkSettings));
    return true;
}

void
note_presence(int participant)
{
    if (participant >= 0)
        pg_atomic_write_u32(&all_participants->entries[participant].presence,
                            static_cast<uint32>(Presence::kPresent));
}

void
leave_at_rest(int participant, const RestNote& rest)
{
    if (participant < 0)
        return;
    Participant* const entry = &all_participants->entries[participant];
    pg_atomic_write_u32(&entry->is_held, rest.is_held ? 1 : 0);
    pg_atomic_write_u64(&entry->history_due_at, static_cast<uint64>(rest.history_due_at));
    pg_atomic_write_u64(&entry->no_writers_since, rest.no_writers_since);
    pg_atomic_write_u64(&entry->rests_since, static_cast<uint64>(GetCurrentTimestamp()));
    pg_atomic_write_u64(&entry->cursor_written_at,
                        static_cast<uint64>(rest.tables.cursor_written_at));
    pg_atomic_write_u64(&entry->newest_request, static_cast<uint64>(rest.tables.newest_request));
    pg_atomic_write_u64(&entry->bloomed_up_to, static_cast<uint64>(rest.tables.bloomed_up_to));
    pg_write_barrier();
    pg_atomic_write_u64(&entry->due_at, static_cast<uint64>(rest.due_at));
}

void
leave_absent(int participant)
{
    if (participant < 0)
        return;
    Participant* const entry = &all_participants->entries[participant];
    pg_atomic_write_u32(&entry->presence, static_cast<uint32>(Presence::kAbsent));
    pg_atomic_write_u64(&entry->position, 0);
    leave_at_rest(participant, RestNote{kNever, kNever, false, 0, {}});
}

ParticipantCounts
count_participants()
{
    ParticipantCounts counts = {};
    const int used =
        all_participants ? static_cast<int>(pg_atomic_read_u32(&all_participants->used)) : 0;

    for (int i = 0; i < used; i++) {
        const ParticipantView view = view_participant(i);
        if (!OidIsValid(view.database) || view.presence == Presence::kAbsent)
            continue;
        counts.databases++;
        if (view.waiting_since == 0)
            continue;
        counts.waiting++;
        if (counts.waiting_since == 0 || view.waiting_since < counts.waiting_since)
            counts.waiting_since = view.waiting_since;
    }
    return counts;
}

}  // namespace crm_capi
