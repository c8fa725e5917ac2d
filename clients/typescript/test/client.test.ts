/**
 * The built client against a running API. The environment says where: BAHI_URL, BAHI_PAID (token of a customer with a
 * paid subscription to Pro), BAHI_NEW (of one with billing details and nothing else), BAHI_SERVICE, BAHI_OPERATOR.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Schemas, Refused, answer, createBahi } from "../dist/index.js";

function setting(name: string): string {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

const baseUrl = setting("BAHI_URL");
const anybody = createBahi({ baseUrl });
const paid = createBahi({ baseUrl, token: setting("BAHI_PAID") });
const fresh = createBahi({ baseUrl, token: async () => setting("BAHI_NEW") });

test("plans need no token, and prices are integers of paise", async () => {
  const plans: Schemas["PlanOut"][] = await answer(anybody.GET("/v1/plans"));
  const pro = plans.find((plan) => plan.id === "plan_pro");
  assert.equal(pro?.price_paise, 499900);
});

test("a customer asks for a plan once, however often the request is sent", async () => {
  const ask = () =>
    answer(
      fresh.POST("/v1/subscriptions", {
        body: { plan_id: "plan_growth", interval: "annual" },
        params: { header: { "Idempotency-Key": "first" } },
      }),
    );
  const [one, other] = [await ask(), await ask()];
  assert.deepEqual(one, other);
  assert.ok("short_url" in one);
  assert.match(one.short_url ?? "", /^http/);
  const { subscription_id } = one;
  const read = await answer(
    fresh.GET("/v1/subscriptions/{subscription_id}", { params: { path: { subscription_id } } }),
  );
  assert.equal(read.status, "CREATED");
});

test("an invoice is listed, read and downloaded", async () => {
  const { data } = await answer(paid.GET("/v1/invoices", { params: { query: { limit: 10 } } }));
  const first = data[0];
  assert.ok(first);
  assert.equal(first.total_paise, 499900);
  const path = { invoice_id: first.id };
  const invoice = await answer(paid.GET("/v1/invoices/{invoice_id}", { params: { path } }));
  assert.equal(invoice.lines[0]?.rate_bp, 1800);
  const { response } = await paid.GET("/v1/invoices/{invoice_id}/download", { params: { path }, parseAs: "stream" });
  assert.equal(response.headers.get("content-type"), "application/pdf");
});

test("a cancellation is told and taken back", async () => {
  const me = await answer(paid.GET("/v1/subscriptions/me"));
  assert.equal(me.status, "ACTIVE");
  const cancelled = await answer(paid.POST("/v1/subscriptions/cancel"));
  assert.ok("cancel_at_period_end" in cancelled && cancelled.cancel_at_period_end);
  const path = { subscription_id: cancelled.subscription_id };
  const kept = await answer(paid.POST("/v1/subscriptions/{subscription_id}/keep", { params: { path } }));
  assert.ok("cancel_at_period_end" in kept && !kept.cancel_at_period_end);
});

test("a refusal is an exception that says what to do", async () => {
  await assert.rejects(answer(anybody.GET("/v1/subscriptions/me")), (error: unknown) => {
    assert.ok(error instanceof Refused);
    assert.equal(error.status, 401);
    assert.equal(error.problem.code, "unauthorised");
    return true;
  });
  await assert.rejects(
    answer(paid.POST("/v1/subscriptions", { body: { plan_id: "plan_growth" } })),
    (error: unknown) => error instanceof Refused && error.status === 409 && error.problem.state === "ACTIVE",
  );
});

test("services and operators have their routes", async () => {
  const service = createBahi({ baseUrl, token: setting("BAHI_SERVICE") });
  const path = { user_id: "asha" };
  const entitled = await answer(service.GET("/internal/entitlements/{user_id}", { params: { path } }));
  assert.equal(entitled.plan, "PRO");
  const operator = createBahi({ baseUrl, token: setting("BAHI_OPERATOR") });
  const { data } = await answer(operator.GET("/admin/documents"));
  assert.ok(data.length > 0);
});

/** Compiled, never run: each line is an error that the compiler must see. */
export function wrong(): void {
  // @ts-expect-error there is no such route
  void anybody.GET("/v1/plan");
  // @ts-expect-error a plan must be named
  void paid.POST("/v1/subscriptions", { body: {} });
  // @ts-expect-error there is no such interval
  void paid.POST("/v1/subscriptions", { body: { plan_id: "plan_pro", interval: "weekly" } });
}
