import { expect, test } from '@jest/globals';
import { contributionsOf } from '../../mlapi/http/feature.ts';

test('features close in the reverse of the order in which they were opened, one after the other', async () => {
  const events: string[] = [];
  const feature = (name: string) => ({
    close: async () => {
      events.push(`${name} begins`);
      await Promise.resolve();
      events.push(`${name} ends`);
    },
  });

  await contributionsOf([feature('one'), {}, feature('two')]).close();

  expect(events).toEqual(['two begins', 'two ends', 'one begins', 'one ends']);
});
