import newman from 'newman';

// Runs a collection in its own process: newman's sandbox conflicts with Jest's.
const [collection, variables] = process.argv.slice(2);

newman.run(
  {
    collection,
    envVar: Object.entries(JSON.parse(variables)).map(([key, value]) => ({ key, value })),
    reporters: [],
    delayRequest: 0,
  },
  (error, summary) => {
    if (error) throw error;
    const { stats, failures } = summary.run;
    const failed = failures.map(({ source, error: cause }) => `${source?.name}: ${cause.test ?? cause.message}`);
    process.stdout.write(
      JSON.stringify({ requests: stats.requests.total, assertions: stats.assertions.total, failed }),
    );
  },
);
