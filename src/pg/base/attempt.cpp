/*
 * attempt.cpp - work whose error ends nothing but itself.
 */
#include "pg/base/attempt.hpp"

namespace crm_capi {

ErrorData*
attempt(void (*work)(void* argument), void* argument)
{
    const MemoryContext memory = CurrentMemoryContext;
    const ResourceOwner resources = CurrentResourceOwner;
    ErrorData* volatile error = nullptr;

    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    PG_TRY();
    {
        work(argument);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(memory);
        error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = resources;
    return error;
}

ErrorData*
attempt_conversion(void (*work)(void* argument), void* argument)
{
    const MemoryContext memory = CurrentMemoryContext;
    ErrorData* volatile error = nullptr;

    PG_TRY();
    {
        work(argument);
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(memory);
        error = CopyErrorData();
        FlushErrorState();
    }
    PG_END_TRY();
    return error;
}

/* The SQLSTATE says what, only the place in the source says who: a cancel or a time-out of this
 * session is raised in one function and nowhere else, a failure to serialize in one file. */
bool
ends_statement(const ErrorData* error)
{
    static constexpr const char* kSerializing = "predicate.c";
    const int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

    if (category == ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION))
        return error->funcname != nullptr && strcmp(error->funcname, "ProcessInterrupts") == 0;
    if (error->sqlerrcode != ERRCODE_T_R_SERIALIZATION_FAILURE || error->filename == nullptr)
        return false;
    const size_t length = strlen(error->filename);
    const size_t tail = strlen(kSerializing);
    return length >= tail && strcmp(error->filename + length - tail, kSerializing) == 0;
}

bool
lacks_resources(const ErrorData* error)
{
    return ERRCODE_TO_CATEGORY(error->sqlerrcode) ==
           ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES);
}

}  // namespace crm_capi
