// email_test.cpp - which address of a field is meant, and that none is made up.
#include <gtest/gtest.h>

#include <string>

#include "core/identity/identity_field.hpp"

namespace crm_capi {
namespace {

std::string Email(const std::string& value) {
    return NormalizeField(*FindIdentityField("em"), value, {}).value_or("");
}

TEST(Email, TheAddressOfAMailboxIsTaken) {
    for (const char* const value :
         {"jane@x.org", "Jane <Jane@X.org>", "<jane@x.org>", "\"Doe, Jane\" <jane@x.org>",
          "jane@x.org <jane@x.org>", "'Jane@x.org' <jane@x.org>", "mailto:jane@x.org",
          "jane@x.org (home)", "jane@x.org home", "Jane < jane@x.org >;"}) {
        EXPECT_EQ(Email(value), "jane@x.org") << value;
    }
}

TEST(Email, OfAListTheFirstOneIsTaken) {
    for (const char* const value :
         {"jane@x.org, joe@x.org", "jane@x.org;joe@x.org", "jane@x.org joe@x.org", "jane@x.org,",
          "jane@x.org|joe@x.org", "jane@x.org/joe@x.org", "jane@x.org\njoe@x.org",
          "Jane <jane@x.org>, Joe <joe@x.org>"}) {
        EXPECT_EQ(Email(value), "jane@x.org") << value;
    }
    // A local part may have what is no part of a domain.
    EXPECT_EQ(Email("a/b|c@x.org"), "a/b|c@x.org");
}

TEST(Email, WhatIsNotPlainlyOneAddressIsDroppedAndSaysWhy) {
    const struct {
        const char* value;
        DropCause cause;
    } cases[] = {
        {"Jane jane@x.org", DropCause::kForm},
        {"jane@x.org <joe@x.org>", DropCause::kSeveral},
        {"Jane <jane@x.org> Joe <joe@x.org>", DropCause::kSeveral},
        {"jane@x.orgjoe@x.org", DropCause::kSeveral},
        {"Jane <jane@x.org", DropCause::kForm},
        {"jane at x.org", DropCause::kForm},
        {"jane @x.org", DropCause::kForm},
        {"jane@x", DropCause::kForm},
        {"<>", DropCause::kForm},
    };
    for (const auto& [value, cause] : cases) {
        EXPECT_EQ(Email(value), "") << value;
        EXPECT_EQ(DropCauseCode(CauseOfDrop(*FindIdentityField("em"), value)), DropCauseCode(cause))
            << value;
    }
}

TEST(Email, OtherKeysHaveOneCause) {
    EXPECT_EQ(CauseOfDrop(*FindIdentityField("db"), "yesterday"), DropCause::kForm);
    EXPECT_EQ(CauseOfDrop(*FindIdentityField("em"), "\xff@x.org@"), DropCause::kForm);
}

}  // namespace
}  // namespace crm_capi
