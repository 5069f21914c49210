/*
 * owned.hpp - a C++ object that a memory context owns.
 *
 * A frame that an error may jump over must not own an object with a destructor. The context can: it
 * is reset when the transaction or the statement ends, however that happens, and destroys the
 * object then.
 */
#pragma once

#include "pg/base/guard.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

template <class T>
struct Owned {
    MemoryContextCallback callback;
    T* object;

    /* What the memory context calls when it is reset or deleted. */
    static void destroy(void* self)
    {
        delete static_cast<Owned*>(self)->object;
    }
};

/* A new T, destroyed when current memory is reset or deleted: its numbers are zero if it does not
 * say otherwise. T's destructor does not throw. */
template <class T>
T*
make_owned()
{
    auto* const owned = static_cast<Owned<T>*>(palloc0(sizeof(Owned<T>)));

    owned->callback.func = Owned<T>::destroy;
    owned->callback.arg = owned;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, &owned->callback);
    call_cpp("make an object", [&] { owned->object = new T(); });
    return owned->object;
}

}  // namespace crm_capi
