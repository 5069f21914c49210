/*
 * table_reading.cpp - one of our tables, read row by row from its start to its end.
 */
#include "pg/base/table_reading.hpp"

#include "pg/base/texts.hpp"

namespace crm_capi {

TableReading
begin_reading(Oid relation)
{
    TableReading reading;

    reading.table = table_open(relation, AccessShareLock);
    reading.slot = table_slot_create(reading.table, nullptr);
    reading.scan = begin_table_scan(reading.table, GetActiveSnapshot());
    reading.row_memory =
        AllocSetContextCreate(CurrentMemoryContext, "crm_capi row", ALLOCSET_DEFAULT_SIZES);
    reading.has_own_snapshot = false;
    return reading;
}

TableReading
begin_reading_anew(Oid relation)
{
    PushActiveSnapshot(GetTransactionSnapshot());
    TableReading reading = begin_reading(relation);
    reading.has_own_snapshot = true;
    return reading;
}

bool
next_row(TableReading* reading)
{
    CHECK_FOR_INTERRUPTS();
    MemoryContextReset(reading->row_memory);
    return table_scan_getnextslot(reading->scan, ForwardScanDirection, reading->slot);
}

void
end_reading(TableReading* reading)
{
    table_endscan(reading->scan);
    ExecDropSingleTupleTableSlot(reading->slot);
    table_close(reading->table, AccessShareLock);
    MemoryContextDelete(reading->row_memory);
    if (reading->has_own_snapshot)
        PopActiveSnapshot();
}

std::string_view
text_of(const TableReading& reading, int column)
{
    bool isnull;
    const Datum value = slot_getattr(reading.slot, column, &isnull);

    return isnull ? std::string_view() : text_view(DatumGetTextPP(value));
}

const char*
string_of(const TableReading& reading, int column)
{
    bool isnull;
    const Datum value = slot_getattr(reading.slot, column, &isnull);

    return isnull ? nullptr : TextDatumGetCString(value);
}

Datum
value_of(const TableReading& reading, int column)
{
    bool isnull;
    const Datum value = slot_getattr(reading.slot, column, &isnull);

    return isnull ? static_cast<Datum>(0) : value;
}

}  // namespace crm_capi
