"""The lists of everything that plugs into the application: models, routers, jobs, handlers."""

from app.account import models as address_models
from app.account.router import router as own_account_router
from app.audit import models as audit_models
from app.audit.router import router as audit_router
from app.books import models as book_models
from app.books.catalogue_router import router as catalogue_router
from app.books.cover_router import media_router
from app.books.cover_router import router as uploads_router
from app.books.export_router import router as admin_exports_router
from app.books.imports.jobs import fail_lost_imports, prune_import_files, run_import
from app.books.imports.router import router as imports_router
from app.books.jobs import reprice_books_of_the_day
from app.books.names_router import router as names_router
from app.books.picks_router import admin_router as admin_picks_router
from app.books.picks_router import router as picks_router
from app.books.router import genres_router
from app.books.router import router as books_router
from app.books.stock_router import router as stock_router
from app.books.works_router import admin_router as admin_works_router
from app.books.works_router import router as works_router
from app.cart import models as cart_models
from app.cart.jobs import prune_guest_carts
from app.cart.router import router as cart_router
from app.db.base import Base as Base
from app.integrations.payments import demo as demo_gateway_models
from app.integrations.payments import stripe_intents as stripe_models
from app.jobs import models as job_models
from app.jobs.outbox import Handler
from app.jobs.queue import Job
from app.notifications import models as notification_models
from app.notifications.handlers import (
    announce_late_money_by_mail,
    call_order_off_by_mail,
    cancel_order_by_mail,
    confirm_order_by_mail,
    mail_gift_card,
    move_preorder_by_mail,
    ready_to_collect_by_mail,
    refund_by_mail,
    release_preorder_by_mail,
    ship_order_by_mail,
    tell_that_book_is_back,
)
from app.notifications.jobs import (
    invite_to_review,
    prune_sent_words,
    send_mail,
    tell_of_price_drops,
    write_daily_digests,
    write_link_mail,
    write_notice,
)
from app.notifications.router import admin_router as admin_mails_router
from app.notifications.router import router as mails_router
from app.orders import checkout_models, fulfilment_models
from app.orders import models as order_models
from app.orders.admin_router import router as admin_orders_router
from app.orders.checkout_router import router as checkouts_router
from app.orders.fulfilment_router import router as fulfilment_router
from app.orders.handlers import claim_orders_of_guest
from app.orders.jobs import (
    give_back_late_money,
    look_after_preorders,
    pay_overdue_refunds,
    pay_refund,
    prune_checkouts,
    prune_gateway_events,
    settle_overdue_orders,
    settle_reported_order,
)
from app.orders.router import router as orders_router
from app.orders.webhook_router import router as webhook_router
from app.prebooks import models as prebook_models
from app.prebooks.router import router as prebooks_router
from app.promotions import models as promotion_models
from app.promotions.jobs import forget_people_of_old_coupons
from app.promotions.router import admin_router as admin_promotions_router
from app.promotions.router import router as gift_cards_router
from app.recommendations import models as recommendation_models
from app.recommendations.jobs import refresh_also_bought, refresh_bestsellers
from app.recommendations.router import router as recommendations_router
from app.reviews import models as review_models
from app.reviews.router import admin_router as admin_reviews_router
from app.reviews.router import router as reviews_router
from app.shipping import models as shipping_models
from app.shipping.router import admin_router as admin_shipping_router
from app.storefront.account import router as sign_in_pages
from app.storefront.account_links import router as link_pages
from app.storefront.addresses import router as address_pages
from app.storefront.books import router as book_pages
from app.storefront.cart import router as cart_pages
from app.storefront.checkout import router as checkout_pages
from app.storefront.demo_bank import router as demo_bank_pages
from app.storefront.oauth import router as oauth_pages
from app.storefront.orders import router as order_pages
from app.storefront.reviews import router as review_pages
from app.storefront.two_step import router as two_step_pages
from app.storefront.wishlist import router as wishlist_pages
from app.storefront.your_account import router as account_pages
from app.tax import models as tax_models
from app.tax.router import admin_router as admin_tax_router
from app.users import account_models
from app.users import models as user_models
from app.users.account_router import password_router
from app.users.account_router import router as account_router
from app.users.admin_router import router as admin_users_router
from app.users.jobs import (
    answer_registration,
    encrypt_two_step_secrets_anew,
    prune_sign_ins,
    send_reset_link_if_known,
)
from app.users.oauth import models as oauth_models
from app.users.oauth.router import router as oauth_router
from app.users.router import router as auth_router
from app.users.two_step import models as two_step_models
from app.users.two_step.router import router as two_step_router
from app.wishlist import models as wishlist_models
from app.wishlist.router import router as wishlist_router

MODELS = (
    audit_models,
    book_models,
    cart_models,
    demo_gateway_models,
    stripe_models,
    job_models,
    notification_models,
    checkout_models,
    order_models,
    fulfilment_models,
    prebook_models,
    review_models,
    shipping_models,
    tax_models,
    promotion_models,
    recommendation_models,
    user_models,
    account_models,
    address_models,
    oauth_models,
    two_step_models,
    wishlist_models,
)

# A request tries them from the first on: what shops ask for most comes first.
API_ROUTERS = (
    books_router,
    genres_router,
    cart_router,
    fulfilment_router,
    orders_router,
    checkouts_router,
    auth_router,
    password_router,
    account_router,
    own_account_router,
    oauth_router,
    two_step_router,
    catalogue_router,
    uploads_router,
    admin_exports_router,
    works_router,
    admin_works_router,
    picks_router,
    admin_picks_router,
    imports_router,
    names_router,
    stock_router,
    admin_orders_router,
    webhook_router,
    wishlist_router,
    prebooks_router,
    recommendations_router,
    reviews_router,
    admin_reviews_router,
    gift_cards_router,
    admin_promotions_router,
    admin_users_router,
    audit_router,
    mails_router,
    admin_mails_router,
    admin_shipping_router,
    admin_tax_router,
)

PAGE_ROUTERS = (
    book_pages,
    sign_in_pages,
    link_pages,
    account_pages,
    address_pages,
    two_step_pages,
    oauth_pages,
    cart_pages,
    checkout_pages,
    order_pages,
    review_pages,
    demo_bank_pages,
    wishlist_pages,
    media_router,
)

JOBS: tuple[Job, ...] = (
    prune_checkouts,
    send_mail,
    write_link_mail,
    write_notice,
    invite_to_review,
    write_daily_digests,
    tell_of_price_drops,
    send_reset_link_if_known,
    answer_registration,
    settle_overdue_orders,
    settle_reported_order,
    give_back_late_money,
    look_after_preorders,
    prune_gateway_events,
    pay_refund,
    pay_overdue_refunds,
    prune_guest_carts,
    forget_people_of_old_coupons,
    prune_sent_words,
    prune_sign_ins,
    encrypt_two_step_secrets_anew,
    reprice_books_of_the_day,
    refresh_also_bought,
    refresh_bestsellers,
    run_import,
    fail_lost_imports,
    prune_import_files,
)

HANDLERS: tuple[Handler, ...] = (
    confirm_order_by_mail,
    cancel_order_by_mail,
    mail_gift_card,
    move_preorder_by_mail,
    release_preorder_by_mail,
    announce_late_money_by_mail,
    call_order_off_by_mail,
    ship_order_by_mail,
    ready_to_collect_by_mail,
    refund_by_mail,
    tell_that_book_is_back,
    claim_orders_of_guest,
)
