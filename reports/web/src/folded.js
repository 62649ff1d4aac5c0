/**
 * A row of a table for each group of rows: the first one stands for all.
 * @template T @param {Iterable<T[]>} groups rows with a number and a `count` each; no group is empty
 * @returns {{row: number, members: T[], first: T, count: number}[]} `count` is the sum of the members'
 */
export function folded(groups) {
  return [...groups].map((members) => ({ row: members[0].row, members, first: members[0], count: members.reduce((sum, each) => sum + each.count, 0) }));
}
