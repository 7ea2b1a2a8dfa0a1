import { describe, expect, test } from '@jest/globals';
import { InferRequestReader } from '../../mlapi/oip/infer/infer-request.ts';

const input = { name: 'x', shape: [2], datatype: 'FP32', data: [1, 2] };

function read(request: object | string) {
  return new InferRequestReader().read(
    Buffer.from(typeof request === 'string' ? request : JSON.stringify(request)),
    undefined,
  );
}

/** The data of the only input. */
function dataOf(datatype: string, shape: readonly number[], data: string) {
  const request = read(`{"inputs":[{"name":"x","shape":[${shape.join()}],"datatype":"${datatype}","data":${data}}]}`);
  return request.inputs[0]!.data;
}

/** A request with one binary input. */
function readBinary(datatype: string, shape: readonly number[], bytes: Buffer, size = bytes.length) {
  const json = Buffer.from(
    JSON.stringify({ inputs: [{ name: 'x', shape, datatype, parameters: { binary_data_size: size } }] }),
  );
  return new InferRequestReader().read(Buffer.concat([json, bytes]), String(json.length)).inputs[0]!;
}

describe('the data of an input', () => {
  test.each([
    ['flat', '[1,2,3,4,5,6]'],
    ['nested', '[[1,2,3],[4,5,6]]'],
  ])('%s lists give the same tensor', (_, data) => {
    expect(dataOf('FP32', [2, 3], data)).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
  });

  test.each([
    ['BOOL', '[true,false]', Uint8Array.of(1, 0)],
    ['UINT8', '[0,255]', Uint8Array.of(0, 255)],
    ['UINT16', '[0,65535]', Uint16Array.of(0, 65_535)],
    ['UINT32', '[0,4294967295]', Uint32Array.of(0, 4_294_967_295)],
    ['UINT64', '[0,18446744073709551615]', BigUint64Array.of(0n, 2n ** 64n - 1n)],
    ['INT8', '[-128,127]', Int8Array.of(-128, 127)],
    ['INT16', '[-32768,32767]', Int16Array.of(-32_768, 32_767)],
    ['INT32', '[-2147483648,2147483647.0]', Int32Array.of(-2_147_483_648, 2_147_483_647)],
    ['INT64', '[-9223372036854775808,9223372036854775807]', BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)],
    ['FP32', '[0.1,-3e38]', Float32Array.of(0.1, -3e38)],
    ['FP64', '[0.1,-1e308]', Float64Array.of(0.1, -1e308)],
    ['BYTES', '["é",""]', ['é', '']],
  ])('%s accepts the limits of its range', (datatype, data, expected) => {
    expect(dataOf(datatype, [2], data)).toEqual(expected);
  });

  test('integers beyond 2^53 keep every digit, flat or nested', () => {
    const nested = '[[9007199254740993,1],[-9007199254740995 ,\n2]]';
    expect(dataOf('INT64', [2, 2], nested)).toEqual(BigInt64Array.of(9007199254740993n, 1n, -9007199254740995n, 2n));
  });

  test.each([
    ['BOOL', '[0,true]'],
    ['UINT8', '[256,0]'],
    ['UINT8', '[-1,0]'],
    ['UINT32', '[4294967296,0]'],
    ['UINT64', '[-1,0]'],
    ['UINT64', '[18446744073709551616,0]'],
    ['INT8', '[0.5,0]'],
    ['INT32', '[1e400,0]'],
    ['INT64', '[9223372036854775808,0]'],
    ['INT64', '["9007199254740993",0]'],
    // A double, so the intended integer is unknown.
    ['INT64', '[9.007199254740993e15,0]'],
    ['INT64', '[1e19,0]'],
    ['FP32', '[1e39,0]'],
    ['FP32', '["1",0]'],
    ['FP32', '[null,0]'],
    ['FP64', '[1e309,0]'],
    ['FP64', '[true,0]'],
    ['FP16', '[65520,0]'],
    ['BYTES', '[1,"a"]'],
    ['FP32', '[[1],[2]]'],
    ['FP32', '{"0":1}'],
    ['FP32', '[1]'],
    ['FP32', '[1,2,3]'],
  ])('400: %s does not accept %s', (datatype, data) => {
    expect(() => dataOf(datatype, [2], data)).toThrow(/^inputs\[0\]\.data/);
  });

  test.each([
    ['[[1,2],[3]]', [2, 2]],
    ['[[1,2],[3,4],[5,6]]', [2, 2]],
    ['[[1,2,3,4]]', [2, 2]],
    ['[[1,2],3]', [2, 2]],
    ['[[[1],[2]],[[3],[4]]]', [2, 2]],
  ])('400: %s does not have the shape %j', (data, shape) => {
    expect(() => dataOf('FP32', shape, data)).toThrow(/^inputs\[0\]\.data/);
  });

  test.each([
    ['[-1]'],
    ['[1.5]'],
    ['["2"]'],
    ['[1e9,1e9]'],
    ['[4294967296,4294967296,0]'],
    ['2'],
    ['null'],
    ['[1,1,1,1,1,1,1,1,2]'],
  ])('400: %s is not a shape, and no memory is allocated for it', (shape) => {
    const text = `{"inputs":[{"name":"x","shape":${shape},"datatype":"FP32","data":[1,2]}]}`;
    expect(() => read(text)).toThrow(/^inputs\[0\]\.shape/);
  });

  test('400: a shape of a billion elements without data', () => {
    expect(() => dataOf('FP64', [1_000_000_000], '[]')).toThrow('1000000000 elements, got 0');
  });
});

describe('binary data', () => {
  test('is used in place if it is aligned', () => {
    const bytes = Buffer.from(Float32Array.of(1, 2, 3).buffer);
    for (const pad of ['', ' ', '  ', '   ']) {
      const json = `${JSON.stringify({ inputs: [{ ...input, data: undefined, shape: [3], parameters: { binary_data_size: 12 } }] })}${pad}`;
      const whole = Buffer.from(new ArrayBuffer(json.length + 12));
      whole.write(json);
      bytes.copy(whole, json.length);
      const { data } = new InferRequestReader().read(whole, String(json.length)).inputs[0]!;
      expect(data).toEqual(Float32Array.of(1, 2, 3));
      expect((data as Float32Array).buffer === whole.buffer).toBe(json.length % 4 === 0);
    }
  });

  test('is assigned to the inputs in order, beside others in JSON', () => {
    const json = JSON.stringify({
      inputs: [
        { name: 'a', shape: [2], datatype: 'UINT8', parameters: { binary_data_size: 2 } },
        { name: 'b', shape: [1], datatype: 'INT16', data: [7] },
        { name: 'c', shape: [1], datatype: 'BOOL', parameters: { binary_data_size: 1 } },
      ],
    });
    const { inputs } = new InferRequestReader().read(
      Buffer.concat([Buffer.from(json), Buffer.of(3, 4, 1)]),
      String(json.length),
    );
    expect(inputs.map(({ data }) => [...data])).toEqual([[3, 4], [7], [1]]);
  });

  test.each([
    ['FP32', [2], Buffer.alloc(7)],
    ['FP32', [2], Buffer.alloc(9)],
    ['BOOL', [1], Buffer.of(2)],
    ['FP32', [1], Buffer.from(Float32Array.of(NaN).buffer)],
    ['FP64', [1], Buffer.from(Float64Array.of(-Infinity).buffer)],
    ['FP16', [1], Buffer.from(Uint16Array.of(0x7c00).buffer)],
    ['BYTES', [1], Buffer.of(2, 0, 0, 0, 65)],
    ['BYTES', [1], Buffer.of(255, 255, 255, 255, 65)],
    ['BYTES', [2], Buffer.of(1, 0, 0, 0, 65)],
    ['BYTES', [1], Buffer.of(1, 0, 0, 0, 65, 0)],
    ['BYTES', [1], Buffer.of(1, 0, 0, 0, 0xff)],
    ['FP32', [1_000_000_000], Buffer.alloc(4)],
  ])('400: %s of the shape %j does not match %j', (datatype, shape, bytes) => {
    expect(() => readBinary(datatype, shape, bytes)).toThrow(/^inputs\[0\]\.data/);
  });

  test('FP16 is read as its bits', () => {
    const bits = Uint16Array.of(0x3c00, 0xfbff);
    expect(readBinary('FP16', [2], Buffer.from(bits.buffer)).data).toEqual(bits);
  });

  test.each([['-1'], ['1.0'], ['0x10'], ['1, 1'], [''], ['99999'], ['9'.repeat(30)]])(
    '400: %s is not a valid length of the JSON part',
    (length) => {
      expect(() => new InferRequestReader().read(Buffer.from(JSON.stringify({ inputs: [input] })), length)).toThrow(
        /^Inference-Header-Content-Length/,
      );
    },
  );

  test('400: more or fewer bytes than the inputs declare', () => {
    const bytes = Buffer.from(Float32Array.of(1, 2).buffer);
    expect(() => readBinary('FP32', [1], bytes, 4)).toThrow('more bytes than its inputs');
    expect(() => readBinary('FP32', [4], bytes, 16)).toThrow('fewer bytes');
    expect(() => readBinary('FP32', [2], bytes, -8)).toThrow('a number of bytes');
  });
});

describe('a request', () => {
  test('may set every supported field', () => {
    const outputs = [
      { name: 'a', parameters: { binary_data: false, classification: 3 } },
      { name: 'b', parameters: { binary_data: true, classification: 0 } },
      { name: 'c' },
    ];
    const parameters = { binary_data_output: true, rows: true, timeout: 5, priority: 1 };
    expect(read({ id: '42', parameters, inputs: [input], outputs })).toMatchObject({
      id: '42',
      rows: true,
      isBinary: true,
      outputs: [
        { name: 'a', isBinary: false, classes: 3 },
        { name: 'b', isBinary: true, classes: undefined },
        { name: 'c', isBinary: undefined, classes: undefined },
      ],
    });
  });

  test('may use null for absent fields, and no outputs for all of them', () => {
    const request = read({
      id: null,
      parameters: null,
      outputs: null,
      model_name: 'm',
      inputs: [{ ...input, parameters: null }],
    });
    expect(request).toMatchObject({ id: undefined, rows: false, outputs: undefined, isBinary: false });
    expect(read({ inputs: [input], outputs: [] }).outputs).toBeUndefined();
  });

  test.each<[string, object | string]>([
    ['no object', '[]'],
    ['no inputs', {}],
    ['an empty list of inputs', { inputs: [] }],
    ['inputs that are not a list', { inputs: { ...input } }],
    ['an unknown field', { inputs: [input], input: 1 }],
    ['__proto__', `{"__proto__":{},"inputs":[${JSON.stringify(input)}]}`],
    ['an input with an unknown field', { inputs: [{ ...input, dtype: 'FP32' }] }],
    ['an input without a name', { inputs: [{ ...input, name: undefined }] }],
    ['an input that is null', { inputs: [null] }],
    ['an input twice', { inputs: [input, input] }],
    ['an unknown datatype', { inputs: [{ ...input, datatype: 'FP8' }] }],
    ['a datatype of the prototype', { inputs: [{ ...input, datatype: 'constructor' }] }],
    ['an input without data', { inputs: [{ ...input, data: undefined }] }],
    ['both kinds of data', { inputs: [{ ...input, parameters: { binary_data_size: 0 } }] }],
    ['an output twice', { inputs: [input], outputs: [{ name: 'y' }, { name: 'y' }] }],
    ['an invalid flag', { inputs: [input], parameters: { rows: 1 } }],
    ['a negative number of classes', { inputs: [input], outputs: [{ name: 'y', parameters: { classification: -1 } }] }],
    ['a sequence', { inputs: [input], parameters: { sequence_id: 7 } }],
    ['an id of a kilobyte', { inputs: [input], id: 'a'.repeat(1_024) }],
    ['an id that is a number', { inputs: [input], id: 7 }],
    ['invalid JSON', '{"inputs":'],
    ['a name twice', '{"inputs":[],"inputs":[]}'],
  ])('400: %s', (_, request) => {
    let refusal: unknown;
    try {
      read(request);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({ name: 'Problem', status: 400 });
  });
});
