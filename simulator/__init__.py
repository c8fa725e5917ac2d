"""A stand-in for Razorpay: a process of its own with its own books, clock and hosted checkout page.

It imports nothing of the rest of this project, so that it cannot share its mistakes; razorpay.md is its only
source. Start it with `python -m simulator --help`, or from Python with `simulator.process`. What moves its
time, decides its outcomes and breaks its answers is listed in `simulator/control.py`.

| module | its one job |
|---|---|
| settings, world, app | what can be set; what every act works on; how it is put together |
| books, clock, ids, cycles | one SQLite file; time; identifiers; billing boundaries |
| api, fields, refusals, shapes | routes and credentials; reading a request; saying no; how entities look |
| catalogue, subscriptions, updates, invoices, payments, refunds, links | the /v1 calls |
| registrations, tokens, recurring | mandates without a subscription, and the merchant's debits on them |
| billing, mandates | the charge clock and its ladder; what customers do |
| schedule, webhooks | running due work in order; events and their deliveries |
| faults, control, acts, audit | breaking answers; the /_sim API; what it can do; the books for an auditor |
| checkout, pages, wording, panel | pages for a person |
| process | starting it from tests and the local stack |
"""
