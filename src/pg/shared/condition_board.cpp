/*
 * condition_board.cpp - how a shipper gets on with the conditions that are checked before events
 * are sent.
 */
#include "pg/shared/condition_board.hpp"

#include "pg/base/settings.hpp"
#include "pg/shared/slots.hpp"

extern "C" {
#include "storage/spin.h"
}

namespace crm_capi {

namespace {

struct SharedBoard {
    slock_t lock;
    ConditionBoard board;
};

SharedBoard* boards = nullptr;

}  // namespace

Size
condition_boards_size()
{
    return mul_size(sizeof(SharedBoard), setting_max_shippers);
}

void
place_condition_boards(void* memory, bool is_new)
{
    boards = static_cast<SharedBoard*>(memory);
    for (int i = 0; is_new && i < setting_max_shippers; i++) {
        SpinLockInit(&boards[i].lock);
        memset(&boards[i].board, 0, sizeof boards[i].board);
    }
}

void
show_conditions(int slot, const ConditionBoard& board)
{
    SharedBoard* const shared = &boards[slot];

    SpinLockAcquire(&shared->lock);
    shared->board = board;
    SpinLockRelease(&shared->lock);
}

ConditionBoard
conditions_of(Oid database)
{
    const int slot = boards == nullptr ? -1 : slot_of(database);
    ConditionBoard board = {};

    if (slot < 0)
        return board;
    SpinLockAcquire(&boards[slot].lock);
    board = boards[slot].board;
    SpinLockRelease(&boards[slot].lock);
    return board;
}

}  // namespace crm_capi
