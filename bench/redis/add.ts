/** Adds a batch, as raw loops do. ARGV: the bodies. */
export const ADD = `for i = 1, #ARGV do redis.call('XADD', KEYS[1], '*', 'b', ARGV[i]) end return #ARGV`;
