/*
 * event_log.cpp - enqueueing: one row appended to the log, in the CRM's own transaction.
 *
 * Rows are inserted directly, without SPI: no plan, no permission check (the CRM's user has no
 * right on our tables), no name lookup. Nothing here waits for another session.
 */
#include "pg/queue/event_log.hpp"

#include <string_view>

#include "pg/base/row_insert.hpp"
#include "pg/base/texts.hpp"
#include "pg/catalog/numbers.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/shared/wakeup.hpp"

namespace crm_capi {

namespace {

InsertTarget event_log;
InsertTarget settlement;

/* The row of capi_event_log. False if the id is taken. */
bool
insert_event(const Relations* relations, int64 id, TimestampTz now, const NewEvent& event,
             ItemPointer place)
{
    Datum values[event_log_column::kEnd - 1] = {};
    bool nulls[event_log_column::kEnd - 1] = {};
    const auto set = [&](int column, bool present, Datum value) {
        values[column - 1] = present ? value : static_cast<Datum>(0);
        nulls[column - 1] = !present;
    };

    set(event_log_column::kId, true, Int64GetDatum(id));
    set(event_log_column::kEnqueuedAt, true, TimestampTzGetDatum(now));
    set(event_log_column::kEventTime, event.has_event_time, TimestampTzGetDatum(event.event_time));
    set(event_log_column::kLeadId, event.has_lead_id, Int64GetDatum(event.lead_id));
    set(event_log_column::kDataset, event.dataset != 0, Int32GetDatum(event.dataset));
    set(event_log_column::kWatch, OidIsValid(event.watch), ObjectIdGetDatum(event.watch));
    set(event_log_column::kParked, true, BoolGetDatum(event.parked != Reason::kNone));
    set(event_log_column::kEventName, event.event_name != nullptr,
        PointerGetDatum(event.event_name));
    set(event_log_column::kUserData, event.user_data != nullptr, PointerGetDatum(event.user_data));
    set(event_log_column::kCustomData, event.custom_data != nullptr,
        PointerGetDatum(event.custom_data));
    set(event_log_column::kRecheck, event.recheck != nullptr, PointerGetDatum(event.recheck));
    set(event_log_column::kConsent, event.consent != nullptr, PointerGetDatum(event.consent));
    set(event_log_column::kDropped, event.dropped != nullptr, PointerGetDatum(event.dropped));
    return insert_row(&event_log, relations->event_log, values, nulls, lengthof(values), place);
}

/* The row of capi_settlement that says why an event is parked from the start. False if there is one
 * with the id. */
bool
insert_parked(const Relations* relations, int64 id, TimestampTz now, const NewEvent& event)
{
    Datum values[settlement_column::kEnd - 1] = {};
    bool nulls[settlement_column::kEnd - 1] = {};
    const auto set = [&](int column, Datum value) { values[column - 1] = value; };
    const auto set_null = [&](int column) { nulls[column - 1] = true; };

    set(settlement_column::kEvent, Int64GetDatum(id));
    set(settlement_column::kSettledAt, TimestampTzGetDatum(now));
    set_null(settlement_column::kRequest);
    if (event.dataset != 0)
        set(settlement_column::kDataset, Int32GetDatum(event.dataset));
    else
        set_null(settlement_column::kDataset);
    set_null(settlement_column::kErrorCode);
    set_null(settlement_column::kErrorSubcode);
    set(settlement_column::kStatus, text_datum("parked"));
    set(settlement_column::kReasonCode, text_datum(Describe(event.parked).code));
    if (event.detail)
        set(settlement_column::kDetail, text_datum(event.detail));
    else
        set_null(settlement_column::kDetail);
    return insert_row(&settlement, relations->settlement, values, nulls, lengthof(values));
}

/* Both rows, or none and false if the id is taken. */
bool
insert_rows(const Relations* relations, int64 id, TimestampTz now, const NewEvent& event)
{
    ItemPointerData place;

    if (!insert_event(relations, id, now, event, &place))
        return false;
    if (event.parked == Reason::kNone || insert_parked(relations, id, now, event))
        return true;
    remove_row(relations->event_log, &place);
    return false;
}

}  // namespace

int64
enqueue(Oid schema, const NewEvent& event)
{
    const Relations relations = *relations_in(schema);
    const TimestampTz now = GetCurrentTimestamp();

    /* The transaction id comes before the event id: the shipper's window relies on it when it asks
     * who may still own an id that it has not seen (src/core/ids/window.hpp). */
    (void)GetTopFullTransactionId();
    int64 id = next_number(schema, Numbered::kEvents);
    while (!insert_rows(&relations, id, now, event)) {
        CHECK_FOR_INTERRUPTS();
        distrust_numbers(Numbered::kEvents);
        id = next_number(schema, Numbered::kEvents);
    }
    wake_shipper_on_commit();
    return id;
}

}  // namespace crm_capi
