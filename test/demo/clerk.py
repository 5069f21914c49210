#!/usr/bin/env python3
"""clerk.py - prints what a clerk of the demo's CRM does in a day, as a script for psql.

    clerk.py import               the leads of a campaign, by COPY; all clerks work on them
    clerk.py NUMBER               clerk 1, 2, 3: own leads and the imported ones

The scripts are the same at every run; what they do to each other when they run at the same time is
not, and need not be: the CRM's history says what was committed.
"""

import random
import sys

STAGES = ("initial_lead", "contacted", "qualified", "proposal", "converted")
OWN_LEADS = 80
IMPORTED_LEADS = 60
FIRST_NAMES = ("Mary", "Zoë", "Jürgen", "Aiko", "José", "Fatima", "Søren", "Ewa", "Noah", "Chloé")
LAST_NAMES = ("Smith", "O'Brien", "Groß", "Tanaka", "Núñez", "Haddad", "Ångström", "Wójcik", "Li")


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def imported_id(number):
    """17 digits and more than 2^53: a program that uses doubles changes the last ones."""
    return f"l:{12345678901230000 + 37 * number}"


def print_import(dice):
    print("BEGIN;")
    print("COPY leads (first_name, last_name, fb_lead_id, status) FROM stdin;")
    for number in range(IMPORTED_LEADS):
        print(dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES), imported_id(number), STAGES[0],
              sep="\t")
    print("\\.")
    print("COMMIT;")


class Clerk:
    """Moves leads on, one transaction after the other, and makes a clerk's mistakes."""

    def __init__(self, number, dice):
        self.number = number
        self.dice = dice
        self.to_insert = list(range(OWN_LEADS))
        self.stage_of = {}  # own leads under way: number -> index of the stage
        self.ways = (self.move_one, self.move_one, self.move_two, self.run_through,
                     self.think_again, self.undo_a_part, self.note, self.same_again,
                     self.move_imported, self.move_imported)

    def work(self):
        while self.to_insert or self.stage_of:
            if self.to_insert and (not self.stage_of or self.dice.random() < 0.3):
                self.insert(self.to_insert.pop())
            else:
                self.dice.choice(self.ways)()
        # The end of the month, in one statement.
        print("UPDATE leads SET status = 'lost', status_since = clock_timestamp()",
              f"WHERE status = 'proposal' AND id % 3 = {self.number - 1}",
              "AND fb_lead_id NOT LIKE 'l:%';")

    def insert(self, lead):
        lead_id = 610000000000000 + self.number * 10 ** 11 + 7919 * lead
        print("INSERT INTO leads (first_name, last_name, fb_lead_id, status) VALUES (",
              literal(self.dice.choice(FIRST_NAMES)), ", ", literal(self.dice.choice(LAST_NAMES)),
              f", '{lead_id}', '{STAGES[0]}') RETURNING id AS lead_{lead} \\gset", sep="")
        self.stage_of[lead] = 0

    def set_stage(self, lead, index):
        print(f"UPDATE leads SET status = '{STAGES[index]}', status_since = clock_timestamp()",
              f"WHERE id = :lead_{lead};")

    def any_lead(self):
        return self.dice.choice(sorted(self.stage_of))

    def advance(self, lead):
        """The next stage; some leads end before the last one."""
        self.stage_of[lead] += 1
        self.set_stage(lead, self.stage_of[lead])
        if self.stage_of[lead] == len(STAGES) - 1 or self.dice.random() < 0.15:
            del self.stage_of[lead]

    def move_one(self):
        self.advance(self.any_lead())

    def move_two(self):
        print("BEGIN;")
        self.advance(self.any_lead())
        if self.stage_of:
            self.advance(self.any_lead())
        print("COMMIT;")

    def run_through(self):
        """A customer who knows what he wants: every stage that is left, in one transaction."""
        lead = self.any_lead()
        print("BEGIN;")
        for index in range(self.stage_of.pop(lead) + 1, len(STAGES)):
            self.set_stage(lead, index)
        print("COMMIT;")

    def think_again(self):
        print("BEGIN;")
        self.set_stage(self.any_lead(), len(STAGES) - 1)
        self.set_stage(self.any_lead(), 2)
        print("ROLLBACK;")

    def undo_a_part(self):
        print("BEGIN;")
        self.advance(self.any_lead())
        if self.stage_of:
            print("SAVEPOINT wrong_lead;")
            self.set_stage(self.any_lead(), len(STAGES) - 1)
            print("ROLLBACK TO SAVEPOINT wrong_lead;")
            print("SAVEPOINT right_lead;")
            self.advance(self.any_lead())
            print("RELEASE SAVEPOINT right_lead;")
        print("COMMIT;")

    def note(self):
        print("UPDATE leads SET note = 'called, no answer'",
              f"WHERE id = :lead_{self.any_lead()};")

    def same_again(self):
        """The form is saved, and nothing in it has changed."""
        lead = self.any_lead()
        self.set_stage(lead, self.stage_of[lead])

    def move_imported(self):
        """One lead only, so that clerks who meet here wait for each other but never in a circle."""
        lead_id = imported_id(self.dice.randrange(IMPORTED_LEADS))
        print(f"UPDATE leads SET status = '{self.dice.choice(STAGES)}',",
              f"status_since = clock_timestamp() WHERE fb_lead_id = '{lead_id}';")


def main():
    who = sys.argv[1]
    dice = random.Random(who)
    if who == "import":
        print_import(dice)
    else:
        Clerk(int(who), dice).work()


if __name__ == "__main__":
    main()
