"""How a message looks and how it travels. Knows no finding, no plan and no database."""
