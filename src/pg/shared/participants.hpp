/*
 * participants.hpp - what must be known of each database that takes part while it has no shipper:
 * whether something was committed there, and when something is due.
 *
 * It lies in shared memory and so outlives the launcher. A crash takes it along, and then nothing
 * is known of any database: each is looked into. Whoever ends otherwise than in good order leaves
 * that behind as well.
 *
 *   unknown --(shipper at rest leaves)--> due at some time, or never --(its shipper starts)-->
 * unknown |                                        ^
 *      '--(its shipper finds no extension)------'  absent: never due, until it is announced
 *
 * A mark says that something has happened since: it is set by sessions when they commit, and taken
 * by the next shipper before it reads anything. Settings and decisions are also marked while a
 * shipper runs: one that is just starting might otherwise miss them.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Databases beyond these have no entry: their shipper is started once a minute. */
constexpr int kMostParticipants = 4096;

/* Never due. */
constexpr TimestampTz kNever = PG_INT64_MAX;

/* What sessions tell. */
enum Mark : uint32 {
    kMarkEvents = 1,   /* events were enqueued */
    kMarkSettings = 2, /* options, credentials or decisions: nothing of before is to be relied on */
};

enum class Presence : uint32 { kUnknown, kPresent, kAbsent }; /* of the extension */

/* shared_memory.cpp: how much of it is ours, and where it lies. */
Size participants_size();
void place_participants(void* memory, bool is_new);

/* Anybody: the entry of a database; -1 if it has none. */
int participant_of(Oid database);

/* The slot that is lent to it; -1 if none is. */
int slot_lent_to(int participant);

/* Sessions: true if it says something new, so that the launcher must be woken. */
bool mark_participant(int participant, uint32 marks);

struct ParticipantView {
    Oid database;
    Presence presence;
    uint32 marks;
    bool is_held;              /* a dataset is: crm_capi.hosts may be what holds it */
    bool is_failing;           /* its last shipper ended badly */
    TimestampTz due_at;        /* 0 = unknown: it must be looked into; or kNever */
    TimestampTz waiting_since; /* for a slot; 0 = it does not */
    TimestampTz rests_since;
    uint64 no_writers_since; /* the next transaction id when all was read, and nobody wrote; or 0 */
};
/* Each number is read for itself, so they may belong to different moments. */
ParticipantView view_participant(int participant);

/* Launcher: the entry of a database, made if there is none; -1 if there is no room. */
int enter_participant(Oid database);
void remove_participant(int participant);
void set_slot(int participant, int slot); /* -1 = none */
void set_waiting(int participant, TimestampTz since);
void set_failing(int participant, bool is_failing);

/* The tables as a shipper leaves them that owes nothing and whose cursor tells all. As long as they
 * are so, the next one need not look through what the cursor does not know of. */
struct TablesLeft {
    TimestampTz cursor_written_at; /* 0 = there is more to be known than the cursor tells */
    int64 newest_request;
    int64 bloomed_up_to;
};

/* What a shipper leaves behind. */
struct RestNote {
    TimestampTz due_at;
    TimestampTz history_due_at;
    bool is_held;
    uint64 no_writers_since;
    TablesLeft tables;
};

/* Up to which event id shippers have read. Whoever gets a smaller one afterwards takes another: it
 * might be one that nobody looks for any more. Shipper: said before the next transaction id is read
 * which tells who may still own a smaller one (src/core/ids/window.hpp). */
void publish_position(int participant, int64 position);
/* Sessions: -1 if no shipper has said it since the server began. */
int64 published_position(int participant);
/* Sessions: as the cursor has it; counts as long as no shipper says more. */
void suppose_position(int participant, int64 position);

/* Shipper: it begins, and takes the marks. True if it may rely on what the one before has left:
 * then `rest` has it. Nothing of that is known to others from here on. */
bool take_over_participant(int participant, RestNote* rest);
/* Shipper: takes the mark that tells of settings and decisions. True if it was there. */
bool take_settings_mark(int participant);
/* The extension is there. */
void note_presence(int participant);
/* It leaves in good order, with nothing under way; or it has found no extension. */
void leave_at_rest(int participant, const RestNote& rest);
void leave_absent(int participant);

/* For those who look on. */
struct ParticipantCounts {
    int databases;             /* that have the extension, or may have */
    int waiting;               /* for a slot */
    TimestampTz waiting_since; /* the longest of them; 0 = none waits */
};
ParticipantCounts count_participants();

}  // namespace crm_capi
