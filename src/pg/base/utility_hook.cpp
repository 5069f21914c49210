#include "pg/base/utility_hook.hpp"

#include "pg/base/pg_prelude.hpp"

extern "C" {
#include "tcop/utility.h"
}

namespace crm_capi {

namespace {

/* Who wants to look. */
struct Looks {
    void (*list[4])(Node* statement);
    int count;
};

Looks before = {};
Looks after = {};
ProcessUtility_hook_type previous_hook = nullptr;

/* ProcessUtility_hook. */
void
process_utility(PlannedStmt* plan, const char* query, bool read_only_tree,
                ProcessUtilityContext context, ParamListInfo parameters,
                QueryEnvironment* environment, DestReceiver* destination,
                QueryCompletion* completion)
{
    const ProcessUtility_hook_type next = previous_hook ? previous_hook : standard_ProcessUtility;

    for (int i = before.count - 1; i >= 0; i--)
        before.list[i](plan->utilityStmt);
    next(plan, query, read_only_tree, context, parameters, environment, destination, completion);
    for (int i = 0; i < after.count; i++)
        after.list[i](plan->utilityStmt);
}

/* Hooks in at the first one. */
void
add_look(Looks* looks, void (*look)(Node* statement))
{
    if (looks->count == static_cast<int>(lengthof(looks->list)))
        elog(ERROR, "too many want to look at utility statements");
    if (before.count == 0 && after.count == 0) {
        previous_hook = ProcessUtility_hook;
        ProcessUtility_hook = process_utility;
    }
    looks->list[looks->count++] = look;
}

}  // namespace

void
before_utility(void (*look)(Node* statement))
{
    add_look(&before, look);
}

void
after_utility(void (*look)(Node* statement))
{
    add_look(&after, look);
}

}  // namespace crm_capi
