"""Many windows kept alive on one machine: started, watched, healed, ended, whatever kind of agent is in them."""
