// A program that uses the card on command, one line a call. See card_user.cpp.
#pragma once

#include <string>
#include <vector>

namespace card_user {

using Words = std::vector<std::string>;

// What other programs do to a card, by PC/SC without a module (card_user_pcsc.cpp):
//   connect shared|exclusive | begin | send HEX | end | repeat TIMES HEX | disconnect leave|reset|unpower
// The answer is the PC/SC code, and for send the card's answer.
std::string pcsc(const Words& words);

}  // namespace card_user
