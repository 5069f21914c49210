// host_list_test.cpp - crm_capi.hosts against the name of a host.
#include "core/text/host_list.hpp"

#include <gtest/gtest.h>

#include <string>

namespace crm_capi {
namespace {

TEST(HostList, NamesEveryHostWithoutANameInIt) {
    for (const char* list : {"", " ", ",", " , \"\" ,"}) {
        EXPECT_TRUE(ListNamesHost(list, "crm-db1")) << '"' << list << '"';
    }
}

struct Case {
    const char* list;
    const char* host;
    bool named;
};

TEST(HostList, ComparesWholeNamesAndPatterns) {
    const Case cases[] = {
        {"crm-db1", "crm-db1", true},
        {"crm-db1", "CRM-DB1", true},
        {"crm-db1", "crm-db10", false},
        {"crm-db1", "crm-db", false},
        {"crm-db1", "crm-db1.example.com", false},
        {"crm-db1,crm-db2", "crm-db2", true},
        {" crm-db1 ,\t\"crm-db2\" ", "crm-db2", true},
        {"'crm-db2'", "crm-db2", true},
        {"crm-db1,crm-db2", "crm-db3", false},
        {"crm-db?", "crm-db7", true},
        {"crm-db?", "crm-db", false},
        {"crm-db?", "crm-db17", false},
        {"crm-*", "crm-db1.example.com", true},
        {"crm-*", "staging-crm-db1", false},
        {"*.prod.example.com", "a.prod.example.com", true},
        {"*.prod.example.com", "a.prod.example.org", false},
        {"*-db-*.com", "x-db-db-y.com", true},
        {"*-db-*.com", "x-db-.com.org", false},
        {"*", "anything", true},
        {"**", "", true},
        {"crm-db1", "", false},
        {"staging,*", "crm-db1", true},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(ListNamesHost(c.list, c.host), c.named) << c.list << " and " << c.host;
    }
}

TEST(HostList, TakesNoTimeForPatternsThatNearlyFit) {
    std::string pattern;
    for (int i = 0; i < 30; ++i) {
        pattern += "*a";
    }
    EXPECT_FALSE(ListNamesHost(pattern + "b", std::string(64, 'a')));
}

}  // namespace
}  // namespace crm_capi
