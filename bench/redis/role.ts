/** One end of a driver in a process of its own: `node bench/redis/role.ts <driver> produce|consume <url> <count>`. */
import type { Driver } from './driver.ts';

const [name, role, url = '', count = '0'] = process.argv.slice(2);
const { driver }: { driver: Driver } = await import(`./drivers/${name}.ts`);
process.once('message', async () => {
  const started = process.cpuUsage();
  let close: (() => Promise<void> | void) | undefined;
  if (role === 'produce') await driver.produce(url, Number(count));
  else {
    let sum = 0;
    close = await driver.consume(url, Number(count), ({ n }) => {
      sum += n;
    });
    if (sum < 0) throw new Error('nothing was handled');
  }
  const { user, system } = process.cpuUsage(started);
  process.send?.({ cpuMs: (user + system) / 1_000 });
  await close?.();
  process.exit();
});
process.send?.('ready');
