/*
 * table_reading.hpp - one of our tables, read row by row from its start to its end.
 *
 * Without SPI: nobody's search_path, and no plan, has a say in what is read.
 */
#pragma once

#include <string_view>

#include "pg/base/pg_prelude.hpp"

extern "C" {
#include "access/tableam.h"
#include "executor/tuptable.h"
}

namespace crm_capi {

struct TableReading {
    Relation table;
    TableScanDesc scan;
    TupleTableSlot* slot;     /* the latest row; columns count from 1 */
    MemoryContext row_memory; /* emptied with each row */
    bool has_own_snapshot;
};

/* Under the active snapshot. */
TableReading begin_reading(Oid relation);
/* Under one of its own, which sees all that has been committed by now. */
TableReading begin_reading_anew(Oid relation);
/* False at the end of the table. */
bool next_row(TableReading* reading);
void end_reading(TableReading* reading);

/* A text of the row, in the row or in current memory; empty for NULL. */
std::string_view text_of(const TableReading& reading, int column);
/* Likewise, ended by a zero, in current memory; NULL for NULL. */
const char* string_of(const TableReading& reading, int column);
/* A value of the row; one of another type than its function says is not to be asked for. 0 for
 * NULL. */
Datum value_of(const TableReading& reading, int column);

}  // namespace crm_capi
