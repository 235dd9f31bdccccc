"""How good a model is: suites of tasks, models that answer them, a sandbox that judges, and figures."""
