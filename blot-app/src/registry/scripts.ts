/**
 * Registers a plain key, unless it is another program's.
 * KEYS: the key, our record. ARGV: blog ID. Returns 1 when it is ours now, 0 when it is foreign.
 */
export const registerName = `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and kind ~= 'string' then return 0 end
local present = redis.call('GET', KEYS[1])
if present and present ~= ARGV[1] and redis.call('HGET', KEYS[2], KEYS[1]) ~= present then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], KEYS[1], ARGV[1])
return 1`

/** The same for a hash. ARGV: blog ID, then fields and values; the field \`id\` tells whose hash it is. */
export const registerInfo = `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and (kind ~= 'hash' or redis.call('HGET', KEYS[1], 'id') ~= ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('HSET', KEYS[2], KEYS[1], ARGV[1])
return 1`

/** Removes a key that we registered, unless another program has given it to another blog since. */
export const release = `
local ours = redis.call('HGET', KEYS[2], KEYS[1])
local kind = redis.call('TYPE', KEYS[1]).ok
local present = false
if kind == 'string' then present = redis.call('GET', KEYS[1]) end
if kind == 'hash' then present = redis.call('HGET', KEYS[1], 'id') end
if ours and present == ours then redis.call('DEL', KEYS[1]) end
redis.call('HDEL', KEYS[2], KEYS[1])
return 1`
