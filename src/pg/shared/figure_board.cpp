/*
 * figure_board.cpp - what a shipper shows of its work, in shared memory.
 */
#include "pg/shared/figure_board.hpp"

#include "pg/base/settings.hpp"
#include "pg/shared/slots.hpp"

namespace crm_capi {

namespace {

FigureBoard* figure_boards = nullptr;

}  // namespace

Size
boards_size()
{
    return mul_size(sizeof(FigureBoard), setting_max_shippers);
}

void
place_boards(void* memory, bool is_new)
{
    figure_boards = static_cast<FigureBoard*>(memory);
    for (int i = 0; is_new && i < setting_max_shippers; i++) {
        pg_atomic_init_u64(&figure_boards[i].decisions, 0);
        pg_atomic_init_u32(&figure_boards[i].version, 0);
        clear_board(i);
    }
}

FigureBoard*
figure_board(Oid database)
{
    const int slot = slot_of(database);

    return slot >= 0 ? &figure_boards[slot] : nullptr;
}

void
clear_board(int slot)
{
    figure_boards[slot].count = -1;
}

void
count_decision(Oid database)
{
    if (FigureBoard* const board = figure_board(database))
        pg_atomic_fetch_add_u64(&board->decisions, 1);
}

uint64
decisions_made()
{
    FigureBoard* const board = figure_board(MyDatabaseId);

    return board != nullptr ? pg_atomic_read_u64(&board->decisions) : 0;
}

const DatasetFigures*
find_figures(const FigureBoard* board, int32 dataset)
{
    for (int i = 0; i < board->count; i++) {
        if (board->rows[i].dataset == dataset)
            return &board->rows[i];
    }
    return nullptr;
}

DatasetFigures*
figures_of(FigureBoard* board, int32 dataset)
{
    if (const DatasetFigures* const found = find_figures(board, dataset))
        return const_cast<DatasetFigures*>(found);
    if (board->count == kMostDatasets)
        return nullptr;
    DatasetFigures* const row = &board->rows[board->count++];
    *row = DatasetFigures{};
    row->dataset = dataset;
    return row;
}

void
begin_writing(FigureBoard* board)
{
    pg_atomic_fetch_add_u32(&board->version, 1);
    pg_write_barrier();
}

void
end_writing(FigureBoard* board)
{
    pg_write_barrier();
    pg_atomic_fetch_add_u32(&board->version, 1);
}

bool
read_board(FigureBoard* board, FigureBoard* copy)
{
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        const uint32 before = pg_atomic_read_u32(&board->version);
        pg_read_barrier();
        memcpy(copy, board, sizeof *copy);
        pg_read_barrier();
        /* Writing takes microseconds, and a process that dies in the middle of it takes the shared
         * memory with it. */
        if (before % 2 == 0 && pg_atomic_read_u32(&board->version) == before)
            return copy->count >= 0 &&
                   copy->decisions_heeded == pg_atomic_read_u64(&board->decisions);
    }
}

}  // namespace crm_capi
