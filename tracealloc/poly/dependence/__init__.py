"""Which instances must stay in order, and whether an order is right."""
