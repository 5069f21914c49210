/*
 * reached_stage.cpp - which stages a lead has reached, for watches that send each one once.
 *
 * The key has the dataset's id at Meta and not its number in the log: the number ends with the
 * cluster, but what Meta was told stays told.
 */
#include "pg/reached_stage.hpp"

#include "pg/dataset.hpp"
#include "pg/relations.hpp"
#include "pg/unique_insert.hpp"

namespace crm_capi {

bool
reach_stage(Oid schema, Oid server, const NewEvent& event)
{
    const char* const dataset_id = option_value(GetForeignServer(server)->options, "dataset_id");
    Datum values[reached_stage_column::kEnd - 1];
    bool nulls[reached_stage_column::kEnd - 1] = {};

    if (!event.has_lead_id)
        return true;
    values[reached_stage_column::kLeadId - 1] = Int64GetDatum(event.lead_id);
    values[reached_stage_column::kDatasetId - 1] =
        CStringGetTextDatum(dataset_id ? dataset_id : "");
    values[reached_stage_column::kEventName - 1] = PointerGetDatum(event.event_name);
    values[reached_stage_column::kReachedAt - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
    return insert_unless_there(relations_in(schema)->reached_stage, values, nulls);
}

}  // namespace crm_capi
