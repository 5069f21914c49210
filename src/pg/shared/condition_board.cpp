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

SharedBoard* condition_boards = nullptr;

}  // namespace

Size
condition_boards_size()
{
    return mul_size(sizeof(SharedBoard), setting_max_shippers);
}

void
place_condition_boards(void* memory, bool is_new)
{
    condition_boards = static_cast<SharedBoard*>(memory);
    for (int i = 0; is_new && i < setting_max_shippers; i++) {
        SpinLockInit(&condition_boards[i].lock);
        memset(&condition_boards[i].board, 0, sizeof condition_boards[i].board);
    }
}

void
show_conditions(int slot, const ConditionBoard& board)
{
    SharedBoard* const shared = &condition_boards[slot];

    SpinLockAcquire(&shared->lock);
    shared->board = board;
    SpinLockRelease(&shared->lock);
}

ConditionBoard
conditions_of(Oid database)
{
    const int slot = condition_boards == nullptr ? -1 : slot_of(database);
    ConditionBoard board = {};

    if (slot < 0)
        return board;
    SpinLockAcquire(&condition_boards[slot].lock);
    board = condition_boards[slot].board;
    SpinLockRelease(&condition_boards[slot].lock);
    return board;
}

}  // namespace crm_capi
