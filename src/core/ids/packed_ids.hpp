// packed_ids.hpp - a set of event ids in few bytes, as the row of a request keeps it.
//
// Where datasets take turns in the log each event of a request is a range by itself: 21 bytes in
// PostgreSQL's int8multirange, two or less here, and a row of a thousand events stays in its table.
//
// Two numbers tell a range: how far it begins behind the end of the one before (the first: behind
// 0), doubled, plus one if it has more ids than one; and if so, how many more. Numbers are those of
// packed_number.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/ids/id_set.hpp"
#include "core/ids/packed_number.hpp"

namespace crm_capi {

// A range takes so many at most.
constexpr size_t kMostBytesPerRange = 2 * kMostBytesPerNumber;

// Writes one range, by the two numbers, and returns where it ends. The distance is less than 2^63.
// There is room for kMostBytesPerRange.
unsigned char* PutRange(uint64_t distance, uint64_t more, unsigned char* out);

// Takes them off the front; false if PutRange has not written what is there.
bool TakeRange(std::string_view* packed, uint64_t* distance, uint64_t* more);

// Writes ascending, disjoint ranges that are not adjacent, of ids from 1 on, and returns how many
// bytes that took. There is room for kMostBytesPerRange each.
size_t PackIds(const IdRange* ranges, size_t count, unsigned char* out);

// Reads what PackIds has written, and returns how many ranges it was; -1 if it is something else.
// There is room for as many ranges as bytes.
int UnpackIds(std::string_view packed, IdRange* ranges);

}  // namespace crm_capi
