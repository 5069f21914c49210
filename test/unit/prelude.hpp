// prelude.hpp - what nearly every unit test includes, compiled once (unit.mk). Each test still says
// itself what it needs: without this file it compiles as well, only slower.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>
