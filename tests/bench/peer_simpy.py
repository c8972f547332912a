#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# peer_simpy.py SCENARIO DAYS - days of a fleet under the random policy as SimPy would have
# them: a process an aircraft, chargers a resource each vertiport.  Without lanes, closures,
# failures, queue swaps and the trace hash, so it does less than fleet.uam.  Prints one JSON
# line: days and events (what fleet.uam calls records) per second of CPU.
import json
import math
import random
import sys
import time

try:
    import simpy
except ImportError:
    print("peer_simpy: skipped, python3-simpy3 is not installed", file=sys.stderr)
    sys.exit(77)

MS_PER_H = 3600000


class Day:
    def __init__(self, s, seed):
        self.s, self.rng, self.env = s, random.Random(seed), simpy.Environment()
        self.ports = s["vertiports"]
        n = len(self.ports)
        self.stands = [p["park"] + p["charge"] for p in self.ports]
        self.taken = [0] * n
        self.chargers = [simpy.Resource(self.env, p["charge"]) if p["charge"] else None for p in self.ports]
        self.delay = [self.rng.randrange(s["tod_mean_max_ms"] + 1) for _ in range(n)]
        self.dist = [[math.isqrt((p["x"] - q["x"]) ** 2 + (p["y"] - q["y"]) ** 2) for q in self.ports] for p in self.ports]
        self.bins = (s["t_end_ms"] - s["t_start_ms"]) // s["bin_ms"]
        mean = s["demand_base_q16"] / 65536 / 8
        self.waiting = [[[sum(self.rng.random() < mean for _ in range(8)) for _ in range(self.bins)]
                         if i != j else None for j in range(n)] for i in range(n)]
        self.profit, self.events = 0, 0

    def board(self, i, j, seats):
        s, now = self.s, self.env.now
        last = min(now // s["bin_ms"], self.bins - 1)
        first = max(0, (now - s["patience_ms"]) // s["bin_ms"] + 1)
        row, n = self.waiting[i][j], 0
        for b in range(first, last + 1):
            k = min(row[b], seats - n)
            row[b] -= k
            n += k
        return n

    def feasible(self, i, energy, kind):
        s = self.s
        for j in range(len(self.ports)):
            if j == i or (self.taken[j] < self.stands[j]
                          and energy - kind["fixed_J"] - self.dist[i][j] * kind["J_per_m"] >= s["reserve_J"]):
                yield j

    def aircraft(self, a, place):
        s, env, rng = self.s, self.env, self.rng
        kind = s["aircraft_types"][a % len(s["aircraft_types"])]
        energy, end = kind["battery_J"], s["t_end_ms"] - s["t_start_ms"]
        while env.now < end:
            self.events += 1
            to = rng.choice(list(self.feasible(place, energy, kind)))
            if to == place:
                yield env.timeout(s["hold_ms"])
                continue
            pax = self.board(place, to, kind["seats"])
            miles = self.dist[place][to] / 1609.344
            self.profit += pax * miles * (s["fare_uusd_per_mile"] - s["op_uusd_per_pax_mile"])
            self.taken[to] += 1
            wait = int(self.delay[place] * (rng.random() + rng.random()))
            yield env.timeout(s["takeoff_ms"] + wait)
            self.events += 1  # take-off
            self.taken[place] -= 1
            energy -= kind["fixed_J"] + self.dist[place][to] * kind["J_per_m"]
            fly = -(-self.dist[place][to] * MS_PER_H // kind["speed_m_per_h"])
            yield env.timeout(fly + s["landing_ms"])
            self.events += 1  # landing
            place = to
            if self.chargers[place]:
                with self.chargers[place].request() as request:
                    yield request
                    need = kind["battery_J"] - energy
                    self.events += 2  # charge, charged
                    yield env.timeout(-(-need * 1000 // kind["charge_W"]))
                    energy = kind["battery_J"]
                    hour = (s["t_start_ms"] + env.now) // MS_PER_H % 24
                    self.profit -= need * s["elec_uusd_per_kwh"][hour] / 3600000

    def run(self):
        n = len(self.ports)
        for a in range(self.s["n_aircraft"]):
            v = self.rng.randrange(n)
            while self.taken[v] >= self.stands[v]:
                v = (v + 1) % n
            self.taken[v] += 1
            self.env.process(self.aircraft(a, v))
        self.env.run()


with open(sys.argv[1], encoding="utf-8") as file:
    scenario = json.load(file)
n_days, total = int(sys.argv[2]), 0
start = time.process_time()
for seed in range(n_days):
    day = Day(scenario, seed)
    day.run()
    total += day.events
took = time.process_time() - start
print(json.dumps({"days_s": round(n_days / took, 2), "events_s": round(total / took), "events_a_day": total // n_days}))
