/** What the product's first front end asks of its server, call for call, and what it expects to be told. */

import { api } from './api'

export interface Plan {
  id: string
  name: string
  price_inr: number
  budget_usd: number
  features: string[]
}

export interface Subscription {
  id: string
  plan: string
  status: string
  price_inr: number
  billing_cycle: string
  current_period_end: string
}

export type Cycle = 'monthly' | 'annual'
type Begun = { success: boolean; payment_url?: string }

const BILLING = '/api/v1/billing'

export const billing = {
  async getPlans(): Promise<Plan[]> {
    return (await api.get<{ plans: Plan[] }>(`${BILLING}/plans`)).plans
  },

  async getSubscription(): Promise<Subscription | null> {
    const answer = await api.get<{ subscription: Subscription | null }>(`${BILLING}/subscription`)
    return answer.subscription
  },

  async subscribe(planId: string, billingCycle: Cycle = 'monthly'): Promise<Begun> {
    const wish = { plan_id: planId, billing_cycle: billingCycle }
    const begun = await api.post<Begun>(`${BILLING}/subscription`, wish)
    if (begun.success && begun.payment_url) window.location.href = begun.payment_url
    return begun
  },

  async getUsage() {
    return api.get(`${BILLING}/usage`)
  },

  async getInvoices() {
    return (await api.get<{ invoices: any[] }>(`${BILLING}/invoices`)).invoices
  },
}
