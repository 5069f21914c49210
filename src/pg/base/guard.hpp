/*
 * guard.hpp - the border between the two regimes.
 *
 * An exception that reached C code would terminate the process, and with it every session of the
 * server. So PostgreSQL code enters C++ through call_cpp only: whatever is thrown is caught, copied
 * into plain memory, and reported as a PostgreSQL error after the handler has been left (a longjmp
 * out of a handler would leak the exception).
 *
 * The body must not call PostgreSQL: a longjmp out of it would skip destructors. The lambda
 * captures by reference only.
 */
#pragma once

#include <exception>
#include <new>
#include <string_view>
#include <type_traits>

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

enum class CppFailure { kNone, kOutOfMemory, kException };

/* Runs the body; never throws. What an exception says is dropped: parsers quote their input, and
 * the input is personal data. */
template <class Body>
CppFailure
run_cpp(Body& body) noexcept
{
    try {
        body();
        return CppFailure::kNone;
    } catch (const std::bad_alloc&) {
        return CppFailure::kOutOfMemory;
    } catch (...) {
        return CppFailure::kException;
    }
}

/* Runs the body and turns an exception into an ERROR. `doing` completes "could not ...". */
template <class Body>
void
call_cpp(const char* doing, Body&& body)
{
    static_assert(std::is_trivially_destructible_v<std::remove_reference_t<Body>>,
                  "an error would skip the destructor of what the body captured by value");
    const CppFailure failure = run_cpp(body);
    if (failure == CppFailure::kOutOfMemory)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
                        errdetail("Could not %s.", doing)));
    if (failure == CppFailure::kException)
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not %s", doing)));
}

/* C++ regime: copies text into PostgreSQL's memory without an error that would skip destructors. */
inline char*
CopyToPalloc(std::string_view text)
{
    if (!AllocSizeIsValid(text.size() + 1))
        throw std::bad_alloc();
    auto* const copy = static_cast<char*>(palloc_extended(text.size() + 1, MCXT_ALLOC_NO_OOM));
    if (copy == nullptr)
        throw std::bad_alloc();
    memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    return copy;
}

}  // namespace crm_capi
