/*
 * heed_settings.cpp - what operators have set and decided, taken over by the shipper.
 */
#include "pg/base/clock.hpp"
#include "pg/shipper/heed_settings.hpp"

#include <utility>

#include "pg/catalog/dataset.hpp"
#include "pg/catalog/origin.hpp"
#include "pg/queue/event_log.hpp"
#include "pg/base/guard.hpp"
#include "pg/shared/figure_board.hpp"
#include "pg/shipper/ledger.hpp"
#include "pg/shipper/registered_datasets.hpp"
#include "pg/shipper/retention.hpp"

namespace crm_capi {

namespace {

/* Several numbers may lead to one server. A copy among them holds the dataset: what it owes is
 * another database's. */
void
AddConfig(const RegisteredDataset& registered, std::vector<DatasetConfig>* configs)
{
    for (DatasetConfig& known : *configs) {
        if (known.server == registered.settings.server && known.name == registered.settings.name) {
            known.numbers.push_back(registered.number);
            if (registered.settings.hold == Reason::kCloned) {
                known.hold = Reason::kCloned;
                known.hold_detail = MakeConfig(registered.settings).hold_detail;
            }
            return;
        }
    }
    configs->push_back(MakeConfig(registered.settings));
}

/* Whether there is a dataset, and all of them are at home elsewhere. */
bool
are_servers_copies()
{
    ListCell* cell;
    bool result = false;

    foreach (cell, all_datasets()) {
        result = place_hold(lfirst_oid(cell), false).reason == Reason::kCloned;
        if (!result)
            break;
    }
    return result;
}

/* While one dataset is a copy's, what this process knows may be older than what a restore has put
 * into the tables since: it must not write the cursor. Nor while none is registered, if the
 * database's servers came from elsewhere: then the tables may be on their way. A subscription fills
 * each when it comes to it, and stops for good at a table that has rows of ours already. */
void
watch_for_copies(Shipper* shipper, const RegisteredDataset* datasets, int count)
{
    shipper->serves_copy = count == 0 && are_servers_copies();
    for (int i = 0; i < count; i++)
        shipper->serves_copy = shipper->serves_copy || datasets[i].settings.hold == Reason::kCloned;
}

/* Whether one of them has a server, so that nobody need look for others. */
bool
has_server(const RegisteredDataset* datasets, int count)
{
    bool any = false;

    for (int i = 0; i < count; i++)
        any = any || OidIsValid(datasets[i].settings.server);
    return any;
}

/* Whether the tables are as this process left them. A shipper starts with CREATE EXTENSION; a
 * restore fills the tables later, and what it brings must be read as a whole before anything of it
 * is sent. Nothing is, before capi_resume() has lifted the clone guard, and that leads here. */
bool
are_tables_ours(Shipper* shipper)
{
    const Oid schema = shipper->extension.schema;
    const TablesSeen seen = look_at_tables(schema, latest_cursor_written_at(schema));

    return seen.newest_request == shipper->cursor.latest_request &&
           seen.cursor_written_at == shipper->cursor.written_at;
}

/* C++ regime. What is owed no more need not be remembered. */
void
KeepOnly(const IdSet& kept, IdSet* ids)
{
    IdSet others = *ids;
    others.Subtract(kept);
    ids->Subtract(others);
}

/* DecisionSink::retried; the context is the shipper. What was cancelled and owed again since this
 * process looked last has never ceased to be owed here: owed twice it would go twice. */
void
note_retried(void* context, int32 dataset, int64 event)
{
    auto* const shipper = static_cast<Shipper*>(context);

    call_cpp("owe an event again", [&] {
        if (!shipper->decided.retried.Contains(event)) {
            shipper->decided.retried.Add(event);
            if (!shipper->decided.owed_before.Contains(event))
                shipper->dispatcher.Owe(dataset, event);
        }
    });
}

/* DecisionSink::cancelled, likewise. */
void
note_cancelled(void* context, int64 event)
{
    auto* const shipper = static_cast<Shipper*>(context);

    call_cpp("note a cancelled event", [&] { shipper->decided.cancelled.Add(event); });
}

/* For read_doubts(); the context are the doubts. */
void
note_doubt(void* context, const char* events, TimestampTz since)
{
    auto* const doubts = static_cast<Doubts*>(context);

    call_cpp("note a doubt", [&] {
        IdSet ids;
        if (IdSet::FromMultirange(events, &ids))
            doubts->Add(ids, to_unix_micros(since));
    });
}

}  // namespace

void
configure(Shipper* shipper)
{
    int count;

    shipper->changed.settings = false;
    shipper->must_start_anew = !are_tables_ours(shipper);
    refresh_names(shipper->extension.schema);
    stamp_old_servers(shipper->extension.schema);
    const RegisteredDataset* const datasets = read_datasets(shipper->extension.schema, &count);
    watch_for_copies(shipper, datasets, count);
    call_cpp("take over the settings of the datasets", [&] {
        std::vector<DatasetConfig> configs;
        for (int i = 0; i < count; i++)
            AddConfig(datasets[i], &configs);
        shipper->dispatcher.Configure(std::move(configs));
    });
    shipper->has_datasets = has_server(datasets, count) || has_datasets(shipper->extension.schema);
    if (shipper->resumes.of_datasets)
        resume_datasets(shipper->extension.schema, &shipper->dispatcher);
    shipper->resumes.of_datasets = false;
}

void
heed_decisions(Shipper* shipper)
{
    shipper->changed.decisions = false;
    shipper->decided.heeded = decisions_made(); /* before they are read */
    if (!shipper->resumes.of_history)
        reconsider_history(&shipper->history);
    shipper->resumes.of_history = false;
    shipper->decided.cancelled.clear();
    call_cpp("note what is owed before decisions are read",
             [&] { shipper->decided.owed_before = shipper->dispatcher.Owed(); });
    read_decisions(shipper->extension.schema, DecisionSink{shipper, note_retried, note_cancelled});
    call_cpp("forget the doubts", [&] { shipper->decided.doubts = Doubts(); });
    read_doubts(shipper->extension.schema, note_doubt, &shipper->decided.doubts);
    call_cpp("drop cancelled events", [&] {
        shipper->dispatcher.SetDoubts(std::move(shipper->decided.doubts));
        shipper->decided.cancelled.AddAll(shipper->decided.forgotten);
        if (!shipper->decided.cancelled.empty()) {
            shipper->dispatcher.Drop(shipper->decided.cancelled);
            shipper->decided.retried.Subtract(shipper->decided.cancelled);
        }
        KeepOnly(shipper->dispatcher.Owed(), &shipper->decided.forgotten);
        shipper->decided.owed_before.clear();
    });
}

}  // namespace crm_capi
