import { describe, expect, test } from '@jest/globals';
import { cutJson, cutLines, cutMarkdown, cutParagraphs, cutSentences } from '../../.ci/template/cut-text.ts';

const words = /gone/i;

describe('sentences', () => {
  test('those with the word are removed, the others stay as they are', () => {
    const text = 'Limits are shared. With Gone they are shared by machines (version 7.4). `x` is `1.5`.';

    expect(cutSentences(text, words)).toBe('Limits are shared. `x` is `1.5`.');
  });

  test('a text without the word is not changed', () => {
    expect(cutSentences('Nothing of it.', words)).toBeUndefined();
  });
});

describe('a page', () => {
  test.each([
    [
      'a section by its heading, with what is under it',
      '# A\n\nx\n\n## Gone\n\ny\n\n### z\n\ny\n\n## B\n\nb\n',
      '# A\n\nx\n\n## B\n\nb\n',
    ],
    [
      'a row of a table',
      '| a | b |\n| - | - |\n| gone | 1 |\n| sqlite | 2 |\n',
      '| a | b |\n| - | - |\n| sqlite | 2 |\n',
    ],
    ['an item of a list', '- one\n- with Gone\n- two\n', '- one\n- two\n'],
    ['two links of an enumeration', 'See [a](#a), [Gone](#gone), [b](#b), [c](#gone).\n', 'See [a](#a), [b](#b).\n'],
    ['its sections, not its title', '# Gone\n\na\n\n## Gone\n\nb\n', '# Gone\n\na\n'],
    ['a link of an enumeration', 'See [a](#a), [Gone](#gone), [b](#b).\n', 'See [a](#a), [b](#b).\n'],
    ['a line of code', '```sh\nnpm start\ngone-server\n```\n', '```sh\nnpm start\n```\n'],
    [
      'a block of code, with the sentence that leads to it',
      'One. So it starts:\n\n```sh\ngone-server\n```\n',
      'One.\n',
    ],
    [
      'a block of code whose introduction has the word',
      'One. So Gone is called:\n\n```sh\nother\nlines\n```\n\nTwo.\n',
      'One.\n\nTwo.\n',
    ],
    [
      'a sentence, but not the words in bold before it',
      '**Errors.** Under Gone they are lists. Here they are objects.\n',
      '**Errors.** Here they are objects.\n',
    ],
    ['a paragraph whose only sentence has the word, with the words in bold', 'a\n\n**B.** Gone.\n', 'a\n'],
    ['an item that is about it', '- _Gone._ It is there.\n- b\n', '- b\n'],
    [
      'a link in a row of a table',
      '| a | b |\n| - | - |\n| x | y; [Gone](gone.md), [z](z.md) |\n',
      '| a | b |\n| - | - |\n| x | y; [z](z.md) |\n',
    ],
    ['a list whose introduction has the word', 'Gone is safe:\n\n- a\n- b\n\nTwo.\n', 'Two.\n'],
    ['nothing else', '# A\n\n| a |\n| - |\n| 1 |\n\n```sh\nx\n```\n', '# A\n\n| a |\n| - |\n| 1 |\n\n```sh\nx\n```\n'],
  ])('loses %s', (_what, before, after) => {
    expect(cutMarkdown(before, words)).toBe(after);
  });
});

describe('settings and scripts', () => {
  test('a line is removed with those indented under it, a comment loses a sentence', () => {
    const text = 'a: 1\ngone:\n  b: 2\n  c: 3\n# One. Gone is two.\nd: 4\n';

    expect(cutLines(text, words, [])).toBe('a: 1\n# One.\nd: 4\n');
  });

  test('a comment of several lines loses a sentence that begins on one and ends on another', () => {
    const text = '# One is a limit. Gone has\n# its own. Raise\n# it.\na=1\n#b=gone\n';

    expect(cutLines(text, words, [])).toBe('# One is a limit. Raise\n# it.\na=1\n');
  });

  test('everything between the feature’s marks is removed', () => {
    const text = 'a\n# <gone>\nb\n# </gone>\nc\n# <other>\nd\n# </other>\n';

    expect(cutLines(text, /(?!)/, ['gone'])).toBe('a\nc\n# <other>\nd\n# </other>\n');
  });

  test('blank lines are kept, except around removed parts', () => {
    const text = 'a\n\n\nb\n\n\ngone:\n  x\n\n  y\n\n\nc\n\nd\n';

    expect(cutLines(text, words, [])).toBe('a\n\n\nb\n\n\nc\n\nd\n');
  });

  test('a table row is removed, or loses its matching items between backticks', () => {
    const head = '| case | proofs |\n| --- | --- |\n';
    const rows = '| a | `gone.ts`, `b.ts`; `gone.ts › c` |\n| gone | `a.ts` |\n| d | `gone.ts` |\n';

    expect(cutMarkdown(head + rows, words)).toBe(`${head}| a | \`b.ts\` |\n`);
  });

  test('a text in JSON loses a sentence', () => {
    expect(JSON.parse(cutJson('{"about":"One. Gone is two."}', words))).toEqual({ about: 'One.' });
  });

  test('matching objects in lists are removed, and so are objects whose lists become empty', () => {
    const text = JSON.stringify({
      item: [
        { name: 'x', item: [{ name: 'gone' }] },
        { name: 'y', item: [{ name: 'z' }] },
      ],
    });

    expect(JSON.parse(cutJson(text, words))).toEqual({ item: [{ name: 'y', item: [{ name: 'z' }] }] });
  });
});

test('a setting is removed with the comment above it', () => {
  const text = '# Head.\n\n# size of x\n#A=1\n\n# time of x\n#GONE=2\n';

  expect(cutParagraphs(text, words)).toBe('# Head.\n\n# size of x\n#A=1\n');
});
