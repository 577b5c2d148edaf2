// Trying again: a browser gives up its requests when the machine joins or leaves a network.

const PAUSES = [250, 1000]; // milliseconds before each further attempt

/** Return what `work` resolves to. If the network fails it (a TypeError), try again. */
export async function persistently(work) {
  for (const pause of PAUSES) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await new Promise((then) => setTimeout(then, pause));
  }
  return work();
}
