"""The rule language and its engine: a leaf that knows no plan, no database and no mail."""
