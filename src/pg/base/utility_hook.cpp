#include "pg/base/utility_hook.hpp"

#include "pg/base/pg_prelude.hpp"

extern "C" {
#include "tcop/utility.h"
}

namespace crm_capi {

namespace {

void (*looks[4])(Node* statement);
int look_count = 0;
ProcessUtility_hook_type previous_hook = nullptr;

/* ProcessUtility_hook. */
void
process_utility(PlannedStmt* plan, const char* query, bool read_only_tree,
                ProcessUtilityContext context, ParamListInfo parameters,
                QueryEnvironment* environment, DestReceiver* destination,
                QueryCompletion* completion)
{
    const ProcessUtility_hook_type next = previous_hook ? previous_hook : standard_ProcessUtility;

    for (int i = look_count - 1; i >= 0; i--)
        looks[i](plan->utilityStmt);
    next(plan, query, read_only_tree, context, parameters, environment, destination, completion);
}

}  // namespace

void
before_utility(void (*look)(Node* statement))
{
    if (look_count == static_cast<int>(lengthof(looks)))
        elog(ERROR, "too many want to look at utility statements");
    if (look_count == 0) {
        previous_hook = ProcessUtility_hook;
        ProcessUtility_hook = process_utility;
    }
    looks[look_count++] = look;
}

}  // namespace crm_capi
