// Lets Node know the host's names by its address (HOST), so that nothing of this computer has to.
import dns from "node:dns";

dns.lookup = (name, options, found = options) =>
  process.nextTick(() => (options.all ? found(null, [{ address: process.env.HOST, family: 4 }]) : found(null, process.env.HOST, 4)));
