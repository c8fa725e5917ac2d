"""The API that the first front end was written for: `/api/v1/billing/…` in its shapes.

A second door to the same rooms: each route does what its sister under `/v1` does and says it in other words.

| module | its one job |
|---|---|
| routes | the routes |
| top_ups | money into the wallet |
| usage | what was used and what the budget still covers |
| shapes | what goes in and out |
| showing | rows in those shapes |
| exact | rupees and dollars as JSON numbers, without a float |
"""
