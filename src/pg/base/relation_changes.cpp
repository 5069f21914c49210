/*
 * relation_changes.cpp - hearing of changes to relations, whichever session makes them.
 */
#include "pg/base/relation_changes.hpp"

namespace crm_capi {

namespace {

void (*listeners[4])(Oid relation);
int listener_count = 0;

/* In the order in which they began to listen. */
void
tell_listeners(Datum, Oid relation)
{
    for (int i = 0; i < listener_count; i++)
        listeners[i](relation);
}

}  // namespace

void
on_relation_change(void (*listener)(Oid relation))
{
    if (listener_count == 0)
        CacheRegisterRelcacheCallback(tell_listeners, 0);
    for (int i = 0; i < listener_count; i++) {
        if (listeners[i] == listener)
            return;
    }
    Assert(listener_count < static_cast<int>(lengthof(listeners)));
    listeners[listener_count++] = listener;
}

}  // namespace crm_capi
