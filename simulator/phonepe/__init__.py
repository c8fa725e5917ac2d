"""A stand-in for PhonePe's payment gateway (v2): a process of its own with its own books, clock and pages.

It imports nothing of the rest of this project; phonepe.md is its only source, and its section 9 says what it
must do. Start it with `python -m simulator.phonepe --help`, or from Python with `simulator.phonepe.process`.
What moves its time, decides its outcomes and breaks its answers is listed in `control.py`.

| module | its one job |
|---|---|
| settings, world | what can be set; what every act works on (books and clock are the other simulator's) |
| app, api, tokens | how it is put together; routes; OAuth |
| fields, refusals, errors | reading a request; saying no; why payments fail |
| orders, checkout, refunds | orders and their attempts; the pay page's order; money back |
| instruments | what is paid with: rails, instruments, test cards |
| mandates, redemptions, peak | Autopay: setup and the payer's acts; notify and redeem; NPCI's hours |
| settlement, schedule, webhooks | what a debit's end leads to; running due work; events and deliveries |
| scenarios | those of PhonePe's test app |
| faults, control, audit | breaking answers; the /_sim API; the books for an auditor |
| pages | pages for a person: paying, approving a mandate, the payer's console |
| process | starting it from tests and the local stack |
"""
