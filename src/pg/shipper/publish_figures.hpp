/*
 * publish_figures.hpp - the shipper shows what it owes and what it has counted (figure_board.hpp).
 */
#pragma once

namespace crm_capi {

struct Shipper;

/* At the end of a turn, still in its transaction; not at each turn while there is more to do. */
void publish_figures(Shipper* shipper);

}  // namespace crm_capi
