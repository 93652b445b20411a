# SPDX-License-Identifier: Apache-2.0
"""What a bench wants of its figures: one form of it, so that a report of all benches misses no miss."""


def row(what, measured, wanted, at_most=False, noise=None):
    """noise: contender -> {min, max} of the same thing measured twice."""
    met = measured <= wanted if at_most else measured >= wanted
    return {"what": what, "measured": measured, "wanted": wanted, "at_most": at_most, "met": met, "a_a": noise or {}}


def line(one):
    sign = "<=" if one["at_most"] else ">="
    noise = "".join(f"  A/A {name} {of['min']:.2f} .. {of['max']:.2f}" for name, of in one.get("a_a", {}).items())
    return f"{one['what']:58} {one['measured']:12,.2f}  wanted {sign} {one['wanted']:<10,} {'met' if one['met'] else 'MISSED'}{noise}"


def show(rows):
    print()
    for one in rows:
        print(line(one))
    return rows
