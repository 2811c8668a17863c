// Knobs and faults by name, for command lines and test tables.
#pragma once

#include "card_model.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace jpki::model {

// "pss=false", "tries=1,5", "missing_file=filler", "certificate_filler=00", "atr=3B8000": the names of struct Knobs;
// booleans true/false, numbers decimal, status words and bytes hexadecimal, pairs with authentication first.
// Throws std::invalid_argument with a message for the user.
void set_knob(Knobs& knobs, std::string_view assignment);
// Every name with its values, e.g. "pss=true\pfalse".
std::vector<std::string> knob_names();

// "card_gone", "sw_6f00", ...: the names of Fault::Kind. Throws std::invalid_argument.
Fault::Kind fault_kind(std::string_view name);
std::vector<std::string> fault_names();

}  // namespace jpki::model
