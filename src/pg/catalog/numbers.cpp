/*
 * numbers.cpp - the numbers that our sequences hand out.
 *
 * A sequence can lag behind its table: logical replication and our dumps carry tables and not
 * sequences. So each process holds the first number that it gets against the greatest one in use,
 * and moves the sequence on if it is behind. A number below the cursor's position is as bad as one
 * that is taken: the shipper would never look for it.
 *
 * What comes to lag later shows by a number that is smaller than the last one, by one that the
 * shipper has passed, or when a row is inserted whose number is taken, which is no error
 * (row_insert.hpp): that leads here again.
 */
#include "pg/catalog/numbers.hpp"

#include "pg/base/primary_key.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/shared/participants.hpp"

namespace crm_capi {

namespace {

/* What this process knows of a sequence. */
struct Trust {
    bool is_ahead; /* of all that its tables know of */
    int64 latest;  /* number that was handed out here; the next ones are greater */
};

Trust trusted[3] = {};

/* The relations have changed: whatever was held against them counts no more. */
void
distrust_all()
{
    for (Trust& trust : trusted)
        trust.is_ahead = false;
}

/* Lets a change of the relations be heard of. */
void
listen_once()
{
    static bool listening = false;

    if (!listening) {
        on_relations_forgotten(distrust_all);
        listening = true;
    }
}

/* A number of the cursor; 0 if it was never written. */
int64
cursor_number(const Relations* relations, AttrNumber column)
{
    const Relation table = table_open(relations->cursor, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
    const HeapTuple row = systable_getnext(scan);
    bool isnull = true;
    const Datum value =
        HeapTupleIsValid(row) ? heap_getattr(row, column, RelationGetDescr(table), &isnull) : 0;
    const int64 number = isnull ? 0 : DatumGetInt64(value);

    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return number;
}

/* Up to which event id shippers have read: one that is free and not greater is never looked for.
 * Where nobody can tell, as without preloading, what the cursor said at first has to do. */
int64
passed_position(const Relations* relations)
{
    const int participant = participant_of(MyDatabaseId);

    if (participant < 0)
        return -1;
    if (published_position(participant) < 0)
        suppose_position(participant, cursor_number(relations, cursor_column::kPosition));
    return published_position(participant);
}

/* The greatest number that the tables know of, whoever has written it and whether that is
 * committed. */
int64
greatest_in_use(const Relations* relations, Numbered what)
{
    switch (what) {
        case Numbered::kEvents:
            return Max(Max(greatest_key(relations->event_log, SnapshotAny),
                           greatest_key(relations->settlement, SnapshotAny)),
                       Max(cursor_number(relations, cursor_column::kPosition),
                           passed_position(relations)));
        case Numbered::kRequests:
            return Max(greatest_key(relations->request_log, SnapshotAny),
                       cursor_number(relations, cursor_column::kRequest));
        case Numbered::kDatasets:
            return greatest_key(relations->dataset, SnapshotAny);
    }
    return 0;
}

/* The sequence that hands the numbers out. */
Oid
sequence_of(const Relations* relations, Numbered what)
{
    return what == Numbered::kEvents     ? relations->event_id
           : what == Numbered::kRequests ? relations->request_id
                                         : relations->dataset_number;
}

/* Under a lock that only others who do this wait for, and that is given back at once: a sequence
 * must not go back to where somebody else has just moved it on from. */
int64
number_behind(Oid schema, Oid sequence, int64 greatest)
{
    LockRelationOid(sequence, ShareUpdateExclusiveLock);
    int64 number = nextval_internal(sequence, false);
    if (number <= greatest) {
        const ActingUser caller = become_queue_owner(schema);
        (void)DirectFunctionCall2(setval_oid, ObjectIdGetDatum(sequence), Int64GetDatum(greatest));
        become(caller);
        number = nextval_internal(sequence, false);
    }
    UnlockRelationOid(sequence, ShareUpdateExclusiveLock);
    return number;
}

}  // namespace

int64
next_number(Oid schema, Numbered what)
{
    const Relations relations = *relations_in(schema);
    const Oid sequence = sequence_of(&relations, what);
    Trust* const trust = &trusted[static_cast<int>(what)];
    int64 number = nextval_internal(sequence, false);

    const bool is_passed = what == Numbered::kEvents && number <= passed_position(&relations);
    if (!trust->is_ahead || number <= trust->latest || is_passed) {
        listen_once();
        trust->is_ahead = true; /* unless a message says otherwise while we look */
        const int64 greatest = greatest_in_use(&relations, what);
        if (number <= greatest)
            number = number_behind(schema, sequence, greatest);
    }
    trust->latest = number;
    return number;
}

void
distrust_numbers(Numbered what)
{
    trusted[static_cast<int>(what)].is_ahead = false;
}

}  // namespace crm_capi
