"""How every process of ours speaks to Temporal: converter, encryption, errors, client. One plugin for all."""
