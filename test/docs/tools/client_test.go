// Uses the client that openapi-generator made, as a program would: the service is at $URL, $TOKEN is an access token of it.
package openapi_test

import (
	"context"
	"os"
	"testing"

	openapi "example.com/mlapi/client"
)

func connect() (*openapi.APIClient, context.Context) {
	configuration := openapi.NewConfiguration()
	configuration.Servers = openapi.ServerConfigurations{{URL: os.Getenv("URL")}}
	return openapi.NewAPIClient(configuration), context.WithValue(context.Background(), openapi.ContextAccessToken, os.Getenv("TOKEN"))
}

func TestListModels(t *testing.T) {
	client, ctx := connect()
	list, _, err := client.ModelsAPI.ListModels(ctx).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Models) != 3 || list.Models[1].Name != "nsl-kdd-anomaly" || list.Next.Get() != nil {
		t.Fatalf("%+v", list)
	}
}

func TestPredict(t *testing.T) {
	client, ctx := connect()
	for _, name := range []string{"nsl-kdd-classifier", "nsl-kdd-anomaly"} {
		model, _, err := client.ModelsAPI.GetModel(ctx, name).Execute()
		if err != nil {
			t.Fatal(err)
		}
		named := model.Sample
		cells := []openapi.Cell{}
		for _, feature := range model.Features {
			cells = append(cells, named[feature.Name])
		}
		rows := []openapi.Row{{ArrayOfCell: &cells}, {MapmapOfStringCell: &named}}
		instances := openapi.Instances{Instances: openapi.InstancesInstances{ArrayOfRow: &rows}}
		for what, request := range map[string]openapi.PredictionRequest{
			"a named row": {MapmapOfStringCell: &named},
			"list rows":   {ArrayOfRow: &rows},
			"instances":   {Instances: &instances},
		} {
			answer, _, err := client.ModelsAPI.Predict(ctx, name).PredictionRequest(request).Scores(true).Execute()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if answer.Model != name || len(answer.Predictions) == 0 || answer.Predictions[0].String == nil || len(answer.Scores) == 0 {
				t.Fatalf("%s: %+v", what, answer)
			}
		}
	}
}

func TestDefaultModel(t *testing.T) {
	client, ctx := connect()
	model, _, err := client.ModelsAPI.GetDefaultModel(ctx).Execute()
	if err != nil {
		t.Fatal(err)
	}
	cells := []openapi.Cell{}
	for _, feature := range model.Features {
		cells = append(cells, model.Sample[feature.Name])
	}
	rows := []openapi.DefaultModelRow{{ArrayOfCell: &cells}}
	request := openapi.DefaultModelPredictionRequest{ArrayOfDefaultModelRow: &rows}
	answer, _, err := client.ModelsAPI.PredictWithDefaultModel(ctx).DefaultModelPredictionRequest(request).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Predictions) != 1 {
		t.Fatalf("%+v", answer)
	}
}

func TestInfer(t *testing.T) {
	client, ctx := connect()
	one, two := 1.0, 2.0
	input := openapi.NewRequestInput("x", []int64{1, 2}, "FP32")
	input.Data = []openapi.TensorElement{{Float64: &one}, {Float64: &two}}
	request := openapi.NewInferenceRequest([]openapi.RequestInput{*input})
	answer, _, err := client.OpenInferenceProtocolAPI.Infer(ctx, "my-model").InferenceRequest(*request).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if *answer.Outputs[0].Data[1].Float64 != 2 {
		t.Fatalf("%+v", answer)
	}
}

func TestRefusal(t *testing.T) {
	client, ctx := connect()
	row := map[string]openapi.Cell{}
	_, _, err := client.ModelsAPI.Predict(ctx, "nsl-kdd-classifier").PredictionRequest(openapi.PredictionRequest{MapmapOfStringCell: &row}).Execute()
	refusal, isRefusal := err.(*openapi.GenericOpenAPIError)
	if !isRefusal {
		t.Fatalf("%v", err)
	}
	if problem, isProblem := refusal.Model().(openapi.Problem); !isProblem || problem.Code != "invalid_rows" {
		t.Fatalf("%+v", refusal.Model())
	}
}
